package pipe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// render writes data, which may be nil, as the whole answer to r with status 200.
type render func(w http.ResponseWriter, r *http.Request, data map[string]any)

var renders = map[string]render{
	"json":            renderJSON,
	"safejson":        renderJSON,
	"fast-json":       renderJSON,
	"json-collection": renderCollection,
	"string":          renderString,
	"xml":             renderXML,
	"yaml":            renderYAML,
	"negotiate":       renderNegotiated,
}

// newRender picks the output encoding. For an unknown one the encoding of the only
// backend decides, else json (KrakenD v3, 1.7).
func newRender(output, backend string) render {
	for _, encoding := range []string{output, backend} {
		if r, ok := renders[encoding]; ok {
			return r
		}
	}
	return renderJSON
}

func renderJSON(w http.ResponseWriter, _ *http.Request, data map[string]any) { writeJSON(w, data) }

func renderCollection(w http.ResponseWriter, _ *http.Request, data map[string]any) {
	collection, ok := data["collection"]
	if !ok {
		collection = []any{}
	}
	writeJSON(w, collection)
}

func renderString(w http.ResponseWriter, _ *http.Request, data map[string]any) {
	content, _ := data["content"].(string)
	write(w, typeText, []byte(content))
}

func renderXML(w http.ResponseWriter, _ *http.Request, data map[string]any) {
	var b bytes.Buffer
	appendXML(&b, data)
	write(w, typeXML, b.Bytes())
}

// renderYAML quotes numbers that came from JSON, as KrakenD does (KrakenD v3, 9).
func renderYAML(w http.ResponseWriter, _ *http.Request, data map[string]any) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	e.CompactSeqIndent()
	if err := encodeYAML(e, data); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	write(w, typeYAML, b.Bytes())
}

// encodeYAML turns the library's panics into errors.
func encodeYAML(e *yaml.Encoder, data map[string]any) (err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("encoding YAML: %v", problem)
		}
	}()
	if err := e.Encode(data); err != nil {
		return err
	}
	return e.Close()
}

// renderNegotiated takes the first that Accept names and that there is: XML, YAML (as
// plain text too), else JSON (KrakenD v3, 1.7). Weights don't count.
func renderNegotiated(w http.ResponseWriter, r *http.Request, data map[string]any) {
	w.Header().Add("Vary", "Accept")
	negotiated(r.Header["Accept"])(w, r, data)
}

func negotiated(accept []string) render {
	for _, list := range accept {
		for media := range strings.SplitSeq(list, ",") {
			media, _, _ = strings.Cut(media, ";")
			switch strings.ToLower(strings.TrimSpace(media)) {
			case "application/json", "application/*", "*/*":
				return renderJSON
			case "application/xml", "text/xml":
				return renderXML
			case "text/plain", "text/*", "application/yaml", "application/x-yaml", "text/yaml":
				return renderYAML
			}
		}
	}
	return renderJSON
}

func writeJSON(w http.ResponseWriter, value any) {
	body, err := json.Marshal(value)
	if err != nil { // decoded data always encodes
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	write(w, typeJSON, body)
}

// The values of Content-Type, never changed.
var (
	typeJSON = []string{"application/json; charset=utf-8"}
	typeText = []string{"text/plain; charset=utf-8"}
	typeXML  = []string{"application/xml; charset=utf-8"}
	typeYAML = []string{"application/yaml; charset=utf-8"}
)

func write(w http.ResponseWriter, contentType []string, body []byte) {
	h := w.Header()
	h["Content-Type"] = contentType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the client may have gone
}
