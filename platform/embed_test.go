package platform_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestAnEmbeddedPageIsFramedOnlyByWhomItsTokenNames(t *testing.T) {
	s := start(t, t.TempDir())
	admin := []string{"Authorization", "Bearer " + adminToken, "Content-Type", "application/json"}
	made := func(path, body string) map[string]any {
		t.Helper()
		a := s.do(http.MethodPost, "/api/v1"+path, body, admin...)
		v := map[string]any{}
		if err := json.Unmarshal(a.body, &v); err != nil || a.status != http.StatusCreated {
			t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
		return v
	}
	chart := made("/charts", `{"name":"Yours","question":{"kind":"analysis"}}`)["id"].(string)
	token := made("/embeds", `{"chart":"`+chart+`","all_calls":true,"frame_ancestors":["https://shop.example","http://127.0.0.1:8000"]}`)["path"].(string)
	closed := made("/embeds", `{"chart":"`+chart+`","all_calls":true}`)["path"].(string)
	for path, want := range map[string]string{
		token:            "frame-ancestors https://shop.example http://127.0.0.1:8000",
		closed:           "frame-ancestors 'none'",
		token + "x":      "frame-ancestors 'none'",
		"/embed/gme_a.b": "frame-ancestors 'none'",
		"/":              "frame-ancestors 'none'",
	} {
		a := s.do(http.MethodGet, path, "")
		policy, frame := a.header.Get("Content-Security-Policy"), a.header.Get("X-Frame-Options")
		if a.status != http.StatusOK || !strings.HasSuffix(policy, want) || (frame == "") != (path == token) {
			t.Errorf("%s: %d, %q, X-Frame-Options %q", path, a.status, policy, frame)
		}
	}
}
