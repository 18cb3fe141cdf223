package gateway

import (
	"bufio"
	"net"
	"net/http"
	"time"

	"github.com/gatemeter/gatemeter/gateway/telemetry"
)

// answer is what the gateway keeps of one request, in one piece: the writer, and
// room for the values of parameters. Only the gateway's own code sees it, which
// reaches what it does not have through http.ResponseController.
type answer struct {
	http.ResponseWriter
	status int // 0: not known yet
	bytes  int64
	began  time.Time // zero: nobody wants to know
	counts *telemetry.Route
	values [6]string

	hurried bool // the client has bodyPatience for its body
}

// Unwrap gives the writer around to http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

// Hijack implements http.Hijacker: an upgrade shows as nothing else.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err == nil {
		a.status = http.StatusSwitchingProtocols
	}
	return conn, rw, err
}

var _ http.Hijacker = (*answer)(nil)
