package moesif

import (
	"bytes"
	"io"
	"net/http"
	"strconv"

	"github.com/gatemeter/gatemeter/moesif/rule"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Govern decides by the rules in force whether the request may go on: true. When
// it returns false the answer has been written, and the exchange is marked as
// refused. It stands after the route is matched and authentication is done,
// before rate limits and the backend. Headers that rules add are set on the
// answer when it begins, in place of those of the same name.
//
// Until rules were fetched once everything goes on; CORS preflights and ignored
// exchanges always do.
func (in *Integration) Govern(w http.ResponseWriter, r *http.Request) bool {
	x := From(r.Context())
	if x != nil && x.in == in {
		x.ask(r)
	}
	set := in.rules.Set()
	if set.Rules() == 0 && !in.blockListedIPs || isPreflight(r) {
		return true
	}
	captured := x != nil && x.in == in
	if !captured {
		x = new(Exchange)
		x.begin(in, r)
		x.ask(r)
	}
	s := rule.Subject{Verb: r.Method, Route: r.URL.Path, Headers: x.header}
	if r.Body != nil && r.Body != http.NoBody {
		s.Body = &governedBody{request: r}
	}
	if !x.describe(&s, set.UsesIdentity()) {
		return true
	}
	d := set.Decide(&s)
	switch {
	case d.IsZero():
		return true
	case !d.Blocked:
		in.modified.Add(1)
		if !captured || !x.rule(d.Headers) {
			setHeaders(w.Header(), d.Headers)
		}
		return true
	}
	in.blocked.Add(1)
	x.note(func() { x.refused, x.blocked = Blocked, d.BlockedBy })
	refuse(w, r, &d)
	return false
}

// describe fills in what rules see of the caller; false when the exchange is not
// governed.
func (x *Exchange) describe(s *rule.Subject, withIdentity bool) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ignored {
		return false
	}
	s.IP = x.clientIP()
	if withIdentity {
		who := x.identify()
		s.UserID, s.CompanyID = who.UserID, who.CompanyID
	}
	return true
}

// rule keeps headers for the answer's beginning; false when it has begun.
func (x *Exchange) rule(headers []wire.Header) (kept bool) {
	x.note(func() {
		if x.status == 0 {
			x.ruled, kept = headers, true
		}
	})
	return kept
}

// refuse writes the answer of a blocking rule.
func refuse(w http.ResponseWriter, r *http.Request, d *rule.Decision) {
	h := w.Header()
	setHeaders(h, d.Headers)
	if len(d.Body) > 0 {
		h.Set("Content-Length", strconv.Itoa(len(d.Body)))
	}
	w.WriteHeader(d.Status)
	if len(d.Body) > 0 && r.Method != http.MethodHead {
		_, _ = w.Write(d.Body) // the client may have gone
	}
}

func setHeaders(h http.Header, fields []wire.Header) {
	for i := range fields {
		h[fields[i].Name] = []string{fields[i].Value}
	}
}

// governedBody reads a request's body for the conditions that look at it, and
// puts it back for the handler.
type governedBody struct {
	request *http.Request
	read    bool
	data    []byte // as long as it may be, or nil
}

var _ rule.Body = (*governedBody)(nil)

// Read implements rule.Body. A body that is encoded, or longer than conditions
// look, is not read at all where its headers say so.
func (b *governedBody) Read() ([]byte, bool) {
	if !b.read {
		b.read = true
		b.data = b.begin()
	}
	return b.data, b.data != nil
}

func (b *governedBody) begin() []byte {
	r := b.request
	if r.ContentLength > rule.MaxBody {
		return nil
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil
	}
	size := r.ContentLength
	if size < 0 {
		size = bytes.MinRead
	}
	buffer := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	_, err := buffer.ReadFrom(io.LimitReader(r.Body, rule.MaxBody+1))
	data := buffer.Bytes()
	r.Body = &replayed{Reader: io.MultiReader(bytes.NewReader(data), r.Body), Closer: r.Body}
	if err != nil || len(data) == 0 || len(data) > rule.MaxBody {
		return nil
	}
	return data
}

// replayed is a body whose beginning was read already.
type replayed struct {
	io.Reader
	io.Closer
}
