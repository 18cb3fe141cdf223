package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Document returns the OpenAPI document of the whole API, indented. The console's
// types are generated from it.
func Document(version string) ([]byte, error) {
	a := &api{Options: Options{Logger: slog.New(slog.DiscardHandler)}, huma: humago.New(http.NewServeMux(), describe(version))}
	a.register()
	return indented(a.huma.OpenAPI())
}

func indented(document *huma.OpenAPI) ([]byte, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	return append(b.Bytes(), '\n'), nil
}
