// Package pipe answers a matched request: it builds what the backend is asked
// from what the endpoint lets through, and the client's answer from what came back
// (KrakenD v3, 1.5 to 1.8).
package pipe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatemeter/gatemeter/gateway/auth"
	"github.com/gatemeter/gatemeter/gateway/backend"
	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/moesif"
	"github.com/gatemeter/gatemeter/policy"
)

// Pipe answers the requests of one endpoint. values are its parameters' values,
// decoded, in the pattern's order. It panics with http.ErrAbortHandler when an
// answer that has begun can't be finished.
type Pipe interface {
	Serve(w http.ResponseWriter, r *http.Request, values []string)
}

// Options are what the pipes of all endpoints share.
type Options struct {
	Transport http.RoundTripper
	// Around puts what stands between a backend and its transport: limits, breakers,
	// tokens, caches. nil puts nothing there. Its error begins with the key that
	// can't be used.
	Around func(b *config.Backend, next http.RoundTripper) (http.RoundTripper, error)
	// Post compiles what a script runs over answers. It is asked where there is such a
	// script; nil: nothing runs.
	Post func(s *config.Script) Post
	// Scripted tells which headers of a request a script has set, canonical, and whether
	// it has set the query: they go on whatever the endpoint lets through. It is asked
	// where modifier/lua-proxy runs; nil: nothing does.
	Scripted func(ctx context.Context) (headers []string, query bool)
	// Signer is what signs in the answers of e; asked where auth/signer is. Its error
	// begins with the key that can't be used.
	Signer         func(e *config.Endpoint) (*auth.Signer, error)
	Version        string // x.y.z, in User-Agent and X-Krakend
	HideVersion    bool   // leaves it out of X-Krakend
	Clients        Clients
	ReturnErrorMsg bool
	Tunnels        *Tunnels
	Shadows        *Shadows // needed where a backend is a shadow
	Logger         *slog.Logger
}

// New compiles the pipe of e. names are its path's parameters. The error begins
// with the key that this build can't serve.
func New(e *config.Endpoint, names []string, o *Options) (Pipe, error) {
	if len(e.Backends) == 0 {
		return nil, errors.New("backend: an endpoint needs a backend")
	}
	if e.Timeout <= 0 {
		return nil, fmt.Errorf("timeout: must be more than 0s (got %s)", e.Timeout)
	}
	common := common{
		name:    e.Method + " " + e.Path,
		inbound: newInbound(e, o),
		timeout: e.Timeout,
		version: VersionHeader(o),
		message: o.ReturnErrorMsg,
		verdict: newVerdict(e.AnswerChecks, o.Logger),
		logger:  o.Logger,
	}
	if e.OutputEncoding == noOp {
		return newStream(e, names, o, common)
	}
	return newData(e, names, o, common)
}

// newBackend compiles the i-th backend of e.
func newBackend(e *config.Endpoint, i int, names []string, o *Options) (*backend.Backend, error) {
	b := e.Backends[i]
	if e.OutputEncoding == noOp {
		b.Encoding = noOp
	}
	transport, err := o.Transport, error(nil)
	if o.Around != nil {
		transport, err = o.Around(&b, transport)
	}
	if err != nil {
		return nil, fmt.Errorf("backend[%d].%w", i, err)
	}
	called, err := backend.New(&b, names, transport)
	if err != nil {
		return nil, fmt.Errorf("backend[%d].%w", i, err)
	}
	return called, nil
}

const noOp = "no-op"

// The values of X-Krakend-Completed, never changed.
var (
	completed    = []string{"true"}
	notCompleted = []string{"false"}
)

// VersionHeader is the value of X-Krakend.
func VersionHeader(o *Options) []string {
	if o.HideVersion || o.Version == "" {
		return []string{"Version undefined"}
	}
	return []string{"Version " + o.Version}
}

// SetHeaders puts the headers of every answer of an endpoint that is not (or not
// yet) complete into h. version is VersionHeader's.
func SetHeaders(h http.Header, version []string) {
	h["X-Krakend"] = version
	h["X-Krakend-Completed"] = notCompleted
}

// common is what the pipes of all encodings have.
type common struct {
	name    string // method and path, for the log
	inbound inbound
	timeout time.Duration
	version []string
	message bool // return_error_msg
	verdict *verdict
	failed  int // status of an answer that can't be had, 0: 500
	logger  *slog.Logger
}

// fail answers 500, 400 where auth/signer is, or the status that the error carries (KrakenD v3, 1.8).
func (c *common) fail(w http.ResponseWriter, r *http.Request, err error) {
	level := slog.LevelError
	if r.Context().Err() != nil { // the client has gone
		level = slog.LevelDebug
	}
	c.logger.LogAttrs(r.Context(), level, "endpoint failed", slog.String("endpoint", c.name), slog.String("error", err.Error()))

	h := w.Header()
	status, contentType := cmp.Or(c.failed, http.StatusInternalServerError), "text/plain; charset=utf-8"
	var answer *backend.AnswerError
	var aborted *policy.Aborted
	var tooLarge *http.MaxBytesError
	if refused(err) {
		moesif.From(r.Context()).Refuse(moesif.Forbidden)
	}
	switch {
	case errors.As(err, &tooLarge):
		TooLarge(w, r)
		return
	case errors.Is(err, backend.ErrDotSegment):
		moesif.From(r.Context()).Refuse(moesif.BadRequest)
		BadRequest(w, err.Error())
		return
	case errors.Is(err, errBodyTooLong):
		moesif.From(r.Context()).Refuse(moesif.BadRequest)
		status = http.StatusRequestEntityTooLarge
	case errors.As(err, &aborted):
		status, contentType = aborted.Status, cmp.Or(aborted.ContentType, contentType)
	case errors.As(err, &answer):
		status = answer.Code
		if answer.ContentType != "" {
			contentType = answer.ContentType
		}
	}
	if !c.message {
		w.WriteHeader(status)
		return
	}
	h.Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(err.Error())) // the client may have gone
}

// BadRequest answers 400, without the headers of an endpoint's answer.
func BadRequest(w http.ResponseWriter, what string) {
	h := w.Header()
	delete(h, "X-Krakend")
	delete(h, "X-Krakend-Completed")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write([]byte("error: " + what)) // the client may have gone
}

// TooLarge answers 413 to a body that is larger than max_payload, without the
// headers of an endpoint's answer.
func TooLarge(w http.ResponseWriter, r *http.Request) {
	moesif.From(r.Context()).Refuse("payload_too_large")
	h := w.Header()
	delete(h, "X-Krakend")
	delete(h, "X-Krakend-Completed")
	h["Connection"] = []string{"close"} // the rest of the body is not read
	w.WriteHeader(http.StatusRequestEntityTooLarge)
}

// deadline is ctx with the endpoint's timeout as its cause; hold stops the clock,
// for an answer that may last.
func (c *common) deadline(ctx context.Context) (timed context.Context, hold func() bool, cancel func()) {
	timed, end := context.WithCancelCause(ctx)
	timer := time.AfterFunc(c.timeout, func() { end(context.DeadlineExceeded) })
	return timed, timer.Stop, func() {
		timer.Stop()
		end(nil)
	}
}
