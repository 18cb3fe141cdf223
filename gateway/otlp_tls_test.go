package gateway

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// Without a tls, and with one that does not vouch for the collector, nothing is told.
func TestCollectorsAreToldOverTLS(t *testing.T) {
	web := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(web.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	host := upstream(t, echoURI)
	for name, collector := range map[string]func() *otlpCollector{
		"HTTP": func() *otlpCollector { return toldBy(t, httptest.NewTLSServer) },
		"gRPC": func() *otlpCollector {
			return toldByGRPC(t, grpc.Creds(credentials.NewServerTLSFromCert(&web.TLS.Certificates[0])))
		},
	} {
		for _, tt := range []struct {
			tls  *config.ClientTLS
			told bool
		}{
			{&config.ClientTLS{CACerts: []string{ca}, DisableSystemCAPool: true}, true},
			{&config.ClientTLS{AllowInsecureConnections: true}, true},
			{&config.ClientTLS{}, false},
			{nil, false},
		} {
			c := collector()
			s := serviceOf(noop("GET /a", host, "/"))
			s.OpenTelemetry = c.of()
			s.OpenTelemetry.OTLP[0].TLS = tt.tls
			if !tt.told { // drain_timeout bounds the last telling
				s.Moesif = newCollector(t).config()
				s.Moesif.DrainTimeout = 500 * time.Millisecond
			}
			g := run(t, s)
			g.send(t, "GET /a", "")
			if err := g.stop(); err != nil {
				t.Fatal(err)
			}
			if spans, calls := c.lines(""), c.lines("http.client.request.duration"); (len(spans) == 2) != tt.told || (len(calls) == 1) != tt.told {
				t.Errorf("%s with %+v: told %v and %v", name, tt.tls, spans, calls)
			}
		}
	}
}

func TestFilesOfACollectorsTLSMustBeReadable(t *testing.T) {
	s := serviceOf()
	s.OpenTelemetry = &config.OpenTelemetry{Name: "shop", OTLP: []config.OTLP{{Host: "h", Port: 1, TLS: &config.ClientTLS{CACerts: []string{"/none.pem"}}}}}
	if _, err := New(s, Options{}); err == nil || !strings.HasPrefix(err.Error(), "extra_config.telemetry/opentelemetry.exporters.otlp[0].tls: ca_certs: open /none.pem") {
		t.Errorf("got %v", err)
	}
}
