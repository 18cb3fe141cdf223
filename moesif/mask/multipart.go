package mask

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"strings"
)

// multipart appends the multipart form data to dst, with masked fields and the
// contents of files replaced; false when it cannot be read to its end. Of a
// part's headers only those that describe a field are kept.
func (w *walk) multipart(dst []byte, n *names, data []byte, contentType string) ([]byte, bool) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return dst, false
	}
	out := bytes.NewBuffer(dst)
	form := multipart.NewWriter(out)
	if form.SetBoundary(params["boundary"]) != nil {
		return dst, false
	}
	r := multipart.NewReader(bytes.NewReader(data), params["boundary"])
	for {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || w.part(form, n, part) != nil {
			return dst, false
		}
	}
	if form.Close() != nil {
		return dst, false
	}
	return out.Bytes(), true
}

var errAmbiguous = errors.New("a part that can be read in two ways")

// part writes one part of a form, masked.
func (w *walk) part(form *multipart.Writer, n *names, part *multipart.Part) error {
	disposition, types := part.Header["Content-Disposition"], part.Header["Content-Type"]
	if len(disposition) != 1 || len(types) > 1 {
		return errAmbiguous
	}
	value, err := io.ReadAll(part)
	if err != nil {
		return err
	}
	header := textproto.MIMEHeader{"Content-Disposition": disposition}
	if len(types) > 0 {
		header["Content-Type"] = types
	}
	out, err := form.CreatePart(header)
	if err != nil {
		return err
	}
	switch {
	case n.masksPart(part):
		value = []byte(Masked)
	case looksLikeJSON(value) || len(types) > 0 && !strings.HasPrefix(types[0], "text/plain"):
		value, _ = w.inside(n, value, false)
	}
	_, err = out.Write(value)
	return err
}

// masksPart reports whether a part's value is to be masked: that of a masked
// field, and of whatever is no plain field (files, encoded parts, names in an
// encoding that readers disagree about).
func (n *names) masksPart(part *multipart.Part) bool {
	name := part.FormName()
	return name == "" || part.FileName() != "" || n.masksForm([]byte(name)) ||
		strings.Contains(part.Header.Get("Content-Disposition"), "*") || strings.Contains(name, "=?") ||
		part.Header.Get("Content-Transfer-Encoding") != ""
}
