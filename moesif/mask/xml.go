package mask

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// element is an open element of an XML document.
type element struct {
	name xml.Name
	base int  // length of the path outside it
	hide bool // its content is not written, nor that of its children
	mute bool // its text is not written any more
}

// document is an XML document while it is masked.
type document struct {
	names *names
	walk  *walk // for JSON inside of text
	out   bytes.Buffer
	open  []element
	path  path
	root  int // length of the root element's name, the first part of the path
}

// xmlDocument appends the XML document data to dst, with the content and the
// attributes of masked elements, and masked attributes, replaced. Names are
// local names; a dotted mask may leave out the root element. Comments and
// processing instructions are left out; JSON in text and in attributes is masked
// inside. It is false when data is not well formed or declares a document type.
func (w *walk) xml(dst []byte, n *names, data []byte) ([]byte, bool) {
	d := document{names: n, walk: w, out: *bytes.NewBuffer(dst)}
	r := xml.NewDecoder(bytes.NewReader(data))
	elements := 0
	for {
		from := r.InputOffset()
		token, err := r.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return dst, false
		}
		raw := data[from:r.InputOffset()]
		switch token := token.(type) {
		case xml.StartElement:
			elements++
			d.start(token, bytes.HasSuffix(raw, []byte("/>")))
		case xml.EndElement:
			if !d.end(token) {
				return dst, false
			}
		case xml.CharData:
			d.text(raw, token)
		case xml.Directive:
			return dst, false
		}
	}
	if len(d.open) > 0 || elements == 0 {
		return dst, false
	}
	return d.out.Bytes(), true
}

func (d *document) hidden() bool { return len(d.open) > 0 && d.open[len(d.open)-1].hide }

// text writes a piece of an element's text, given as it is written and as it is
// read. Behind JSON that cannot be read there may be more of it.
func (d *document) text(raw, plain []byte) {
	if len(d.open) == 0 || d.hidden() || d.open[len(d.open)-1].mute {
		return
	}
	if !looksLikeJSON(plain) {
		d.out.Write(raw)
		return
	}
	masked, found := d.walk.inside(d.names, plain, false)
	switch found {
	case unmasked:
		d.out.Write(raw)
	case maskedInside:
		xmlEscape(&d.out, string(masked))
	case maskedWhole:
		d.out.WriteString(Masked)
		d.open[len(d.open)-1].mute = true
	}
}

// start opens an element. An empty one gets its end tag too, from end.
func (d *document) start(t xml.StartElement, empty bool) {
	e := element{name: t.Name, base: len(d.path), hide: true}
	outer := d.hidden()
	d.path = enter(d.path, len(d.path), t.Name.Local)
	if len(d.open) == 0 {
		d.root = len(d.path)
	}
	masked := d.masks(e.base)
	if !outer {
		d.tag(t, masked)
		if masked && !empty {
			d.out.WriteString(Masked)
		}
		e.hide = masked
	}
	d.open = append(d.open, e)
}

// masks reports whether the name behind base is masked, with the root element as
// the first part of the path, or without it.
func (d *document) masks(base int) bool {
	if d.names.masks(d.path, base) {
		return true
	}
	if base == 0 {
		return false
	}
	_, masked := d.names.dotted[string(d.path[d.root+1:])]
	return masked
}

// tag writes a start tag; all attributes of a masked element are masked.
func (d *document) tag(t xml.StartElement, masked bool) {
	d.out.WriteByte('<')
	d.out.WriteString(qualified(t.Name))
	base := len(d.path)
	for _, a := range t.Attr {
		d.out.WriteByte(' ')
		d.out.WriteString(qualified(a.Name))
		d.out.WriteString(`="`)
		d.path = enter(d.path, base, a.Name.Local)
		if masked || d.masks(base) {
			a.Value = Masked
		} else if looksLikeJSON([]byte(a.Value)) {
			inside, _ := d.walk.inside(d.names, []byte(a.Value), false)
			a.Value = string(inside)
		}
		xmlEscape(&d.out, a.Value)
		d.out.WriteByte('"')
	}
	d.path = d.path[:base]
	d.out.WriteByte('>')
}

// end closes the innermost element; false when t is not its end tag.
func (d *document) end(t xml.EndElement) bool {
	if len(d.open) == 0 {
		return false
	}
	e := d.open[len(d.open)-1]
	d.open = d.open[:len(d.open)-1]
	d.path = d.path[:e.base]
	if !d.hidden() {
		d.out.WriteString("</" + qualified(t.Name) + ">")
	}
	return e.name == t.Name
}

func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

var attributeEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\n", "&#xA;", "\t", "&#x9;", "\r", "&#xD;")

func xmlEscape(out *bytes.Buffer, s string) { out.WriteString(attributeEscapes.Replace(s)) }
