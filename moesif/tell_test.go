package moesif

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestDebugTellsWhatWasCapturedAndNoSecret(t *testing.T) {
	const secret = "s3cr3t"
	for name, tt := range map[string]struct {
		keys    string
		headers []string
		want    []string
	}{
		"a user by name and password": {"", []string{"Authorization", "Basic YWxpY2U6czNjcjN0"}, []string{"caller=", "Authorization", `request_body=reported`}},
		"a user by an API key":        {`"user_id_headers":["X-Api-Key"]`, []string{"X-Api-Key", secret}, []string{"X-Api-Key"}},
		"a token without the claim":   {"", []string{"Authorization", bearer(`{"name":"` + secret + `"}`)}, []string{"no user", `sub`}},
		"no header at all":            {"", nil, []string{"no user", "X-User"}},
		"no bodies":                   {`"log_body":false`, nil, []string{`request_body="not captured"`}},
		"a body that is withheld":     {`"request_body_masks":["x"]`, []string{"Content-Encoding", "zip"}, []string{"request_body=\"withheld"}},
		"code":                        {"", []string{"X-Code", "1"}, []string{`caller="set by code"`}},
		"refused":                     {"", []string{"X-Refuse", "1"}, []string{"refused as unauthenticated", "refused=unauthenticated"}},
	} {
		t.Run(name, func(t *testing.T) {
			log := &lockedBuffer{}
			keys := `"debug":true`
			if tt.keys != "" {
				keys += "," + tt.keys
			}
			g := start(t, keys, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(log, nil)) })
			r := httptest.NewRequest("POST", "/orders/7?token="+secret, strings.NewReader(`{"password":"`+secret+`"}`))
			for i := 0; i+1 < len(tt.headers); i += 2 {
				r.Header.Set(tt.headers[i], tt.headers[i+1])
			}
			g.Capture(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				x := From(r.Context())
				if r.Header.Get("X-Code") != "" {
					x.SetUser("u")
				}
				if r.Header.Get("X-Refuse") != "" {
					x.Refuse(Unauthenticated)
				}
				_, _ = io.Copy(io.Discard, r.Body)
				w.WriteHeader(418)
			})).ServeHTTP(httptest.NewRecorder(), r)
			g.drain(t)
			text := log.String()
			for _, want := range append(tt.want, "moesif: captured", "method=POST", "path=/orders/7", "status=418", "moesif: pushed", "status=201") {
				if !strings.Contains(text, want) {
					t.Errorf("the log lacks %s:\n%s", want, text)
				}
			}
			if strings.Contains(text, secret) || strings.Contains(text, "YWxpY2U6") || strings.Contains(text, "app ") {
				t.Errorf("a secret is in the log:\n%s", text)
			}
		})
	}
}
