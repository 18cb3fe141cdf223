package pipe

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// render writes data, which may be nil, as the whole answer with status 200.
type render func(w http.ResponseWriter, data map[string]any)

// newRender picks the output encoding. For an unknown one the encoding of the only
// backend decides, else json (KrakenD v3, 1.7).
func newRender(output, backend string) (render, error) {
	for _, encoding := range []string{output, backend} {
		switch encoding {
		case "json", "safejson", "fast-json", "":
			return renderJSON, nil
		case "json-collection":
			return renderCollection, nil
		case "string":
			return renderString, nil
		case "negotiate", "xml", "yaml":
			return nil, fmt.Errorf("output_encoding: %q is not supported yet: use json, json-collection, string or no-op", output)
		}
	}
	return renderJSON, nil
}

func renderJSON(w http.ResponseWriter, data map[string]any) { writeJSON(w, data) }

func renderCollection(w http.ResponseWriter, data map[string]any) {
	collection, ok := data["collection"]
	if !ok {
		collection = []any{}
	}
	writeJSON(w, collection)
}

func renderString(w http.ResponseWriter, data map[string]any) {
	content, _ := data["content"].(string)
	write(w, typeText, []byte(content))
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
)

func write(w http.ResponseWriter, contentType []string, body []byte) {
	h := w.Header()
	h["Content-Type"] = contentType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the client may have gone
}
