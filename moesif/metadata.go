package moesif

import (
	"github.com/gatemeter/gatemeter/moesif/identity"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// appendMetadata appends the event's metadata: what code has set, the operator's
// own under krakend, and under gatemeter the facts that the protocol has no field for.
func (x *Exchange) appendMetadata(dst []byte, who identity.Identity, cut []string) []byte {
	dst = append(dst, '{')
	if len(x.metadata) > 0 {
		dst = append(dst, x.metadata...)
		dst = append(dst, ',')
	}
	if x.in.metadata != nil {
		dst = append(dst, `"krakend":`...)
		dst = append(dst, x.in.metadata...)
		dst = append(dst, ',')
	}
	dst = append(dst, `"gatemeter":{`...)
	if x.route != "" {
		dst = append(dst, `"route":`...)
		dst = wire.AppendString(dst, x.route)
		dst = append(dst, ',')
	}
	dst = append(dst, `"identity":"`...)
	switch {
	case who.Verified:
		dst = append(dst, "verified"...)
	case who.IsNone():
		dst = append(dst, "none"...)
	default:
		dst = append(dst, "claimed"...)
	}
	dst = append(dst, '"')
	if x.refused != "" {
		dst = append(dst, `,"refused":`...)
		dst = wire.AppendString(dst, x.refused)
	}
	for i, name := range cut {
		if i == 0 {
			dst = append(dst, `,"cut":["`...)
		} else {
			dst = append(dst, `,"`...)
		}
		dst = append(dst, name...)
		dst = append(dst, '"')
	}
	if len(cut) > 0 {
		dst = append(dst, ']')
	}
	return append(dst, "}}"...)
}
