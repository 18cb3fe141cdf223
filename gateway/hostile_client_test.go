package gateway

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// stalled sends text and no more. It returns the answer, and whether the gateway ends
// the connection afterwards by itself.
func stalled(t *testing.T, g *running, text string) (answer *http.Response, ends bool) {
	t.Helper()
	conn, err := net.Dial("tcp", g.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	answer, err = http.ReadResponse(r, nil)
	if err != nil {
		t.Errorf("%.60q: no answer: %v", text, err)
		return nil, false
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Errorf("%.60q: the answer breaks off: %v", text, err)
	}
	_, err = io.Copy(io.Discard, r)
	return answer, err == nil
}

// Whoever announces a body and keeps it gets an answer, and is cut. Chosen here:
// KrakenD waits.
func TestClientsThatNeverFinishTheirBodiesAreCut(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"a":1}`)
	})
	secure := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	t.Cleanup(secure.Close)
	soon := timeout(100 * time.Millisecond)
	service := func() *config.Service {
		s := serviceOf(noop("POST /noop", host, "/", soon), object("POST /json", host, "/", soon), object("POST /merge", host, "/", soon, also("/b")),
			noop("GET /get", host, "/", soon), noop("POST /tls", secure.URL, "/", soon), noop("POST /nobody", "http://"+freeAddress(t), "/", soon),
			noop("POST /payload", host, "/", soon, func(e *config.Endpoint) { e.MaxPayload = 10 }))
		s.Timeout = 100 * time.Millisecond
		s.EchoEndpoint = true
		s.ClientTLS.AllowInsecureConnections = true
		return s
	}
	// A rule that looks into bodies must not be passed by with one that comes later.
	governed, _ := governing(t, service(), `[{"_id":"op","type":"regex","block":true,"regex_config":[{"conditions":[{"path":"request.body.op","value":"^drop$"}]}],"response":{"status":403}}]`)
	plain := run(t, service())
	for _, c := range []struct {
		target          string
		plain, governed int
	}{
		{"POST /noop", 500, 408},
		{"POST /json", 500, 408},
		{"POST /merge", 500, 408},
		{"GET /get", 500, 408},
		{"POST /tls", 500, 408},
		{"POST /nobody", 500, 408},
		{"POST /none", 404, 408},
		{"PUT /noop", 405, 408},
		{"POST /NOOP", 307, 408},
		{"POST /payload", 413, 413},
		{"POST /__echo/", 400, 400},
		{"GET /__health", 200, 200},
	} {
		for _, body := range []string{"Content-Length: 100\r\n\r\n{\"a\":", "Transfer-Encoding: chunked\r\n\r\n50\r\n{\"a\": 1234567"} {
			for g, status := range map[*running]int{plain: c.plain, governed: c.governed} {
				got, ends := stalled(t, g, c.target+" HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"+body)
				if got == nil || got.StatusCode != status || !ends {
					t.Errorf("%s %.10q: got %v, ended: %v; want %d", c.target, body, got, ends, status)
				}
			}
		}
	}
	// Who sends it is served.
	if got := plain.send(t, "POST /noop", "some"); got.StatusCode != 200 {
		t.Errorf("got %d", got.StatusCode)
	}
}

// The same for one that is too long to be looked at.
func TestClientsThatNeverFinishABodyThatIsTooLongAreCut(t *testing.T) {
	g := runFile(t, "http://127.0.0.1:1", strings.Replace(strings.ReplaceAll(schemaFile, "MESSAGES", "false"), `"timeout": "10s"`, `"timeout": "2s"`, 1))
	text := "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb00000\r\n" + strings.Repeat(" ", 10<<20+1)
	if got, ends := stalled(t, g, text); got == nil || got.StatusCode != 413 || !ends {
		t.Errorf("got %v, ended: %v", got, ends)
	}
}

func TestPreflightsThatNeverFinishTheirBodiesAreCut(t *testing.T) {
	g := runFile(t, "http://127.0.0.1:1", `{"version": 3, "host": ["HOST"], "timeout": "100ms", "extra_config": {"security/cors": {"allow_origins": ["*"]}},
		"endpoints": [{"endpoint": "/a", "backend": [{"url_pattern": "/"}]}]}`)
	text := "OPTIONS /a HTTP/1.1\r\nHost: a\r\nOrigin: https://shop.example\r\nAccess-Control-Request-Method: GET\r\nContent-Length: 100\r\n\r\nx"
	if got, ends := stalled(t, g, text); got == nil || got.StatusCode != 204 || !ends {
		t.Errorf("got %v, ended: %v", got, ends)
	}
}
