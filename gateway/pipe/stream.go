package pipe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/gatemeter/gatemeter/gateway/backend"
	"github.com/gatemeter/gatemeter/gateway/config"
)

// stream is the no-op pipe: bodies pass in both directions as they arrive, status
// and headers as they are.
type stream struct {
	common
	backend *backend.Backend
	own     *verdict // on the backend's answers
	tunnels *Tunnels
	calls   int // at the same time; the first answer counts

	each, post Post // over the backend's answer, and over what the endpoint says; nil: nothing
	skip       bool // the backend is not asked
}

func newStream(e *config.Endpoint, names []string, o *Options, c common) (*stream, error) {
	if len(e.Backends) != 1 {
		return nil, fmt.Errorf("backend: a no-op endpoint has one backend (got %d)", len(e.Backends))
	}
	called, err := newBackend(e, 0, names, o)
	if err != nil {
		return nil, err
	}
	return &stream{
		common: c, backend: called, own: newVerdict(e.Backends[0].AnswerChecks, o.Logger), tunnels: o.Tunnels, calls: e.ConcurrentCalls,
		each: o.post(e.Backends[0].Lua), post: o.post(e.LuaProxy), skip: skips(e.LuaProxy),
	}, nil
}

// Serve implements Pipe.
func (s *stream) Serve(w http.ResponseWriter, r *http.Request, values []string) {
	SetHeaders(w.Header(), s.version)
	ctx, hold, cancel := s.deadline(r.Context())
	defer cancel()
	body := openUpload(w, r)
	defer body.finish()
	call := s.inbound.call(r, values, body)
	var resp *http.Response
	var err error
	switch {
	case s.skip:
		resp = unaskedResponse()
	case s.calls > 1:
		resp, err = s.race(ctx, w, call)
	default:
		resp, err = s.do(ctx, &call)
	}
	if err == nil {
		err = s.verdict.onStream(r.Context(), resp)
	}
	if err == nil {
		err = change(ctx, s.post, resp)
	}
	body.answered(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		hold()
		s.tunnel(w, r, resp)
		return
	}
	err = answer(w, resp)
	_ = resp.Body.Close() // nothing can be done about it
	if err != nil {
		s.logger.DebugContext(r.Context(), "answer cut short", "endpoint", s.name, "error", err)
		panic(http.ErrAbortHandler) // the client must not take it for complete
	}
}

// do is the backend's answer, with what is asked about it and what is to become of it.
// Without an error there is a response, whose body must be closed.
func (s *stream) do(ctx context.Context, c *backend.Call) (*http.Response, error) {
	resp, err := s.backend.Do(ctx, c)
	if err != nil {
		if !isSkipped(err) {
			return nil, err
		}
		resp = unaskedResponse()
	}
	if err = s.own.onStream(ctx, resp); err == nil {
		err = change(ctx, s.each, resp)
	}
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// answer copies the backend's answer to the client.
func answer(w http.ResponseWriter, resp *http.Response) error {
	h := w.Header()
	copyHeader(h, resp.Header)
	announced := len(resp.Trailer)
	for name := range resp.Trailer {
		h.Add("Trailer", name)
	}
	w.WriteHeader(resp.StatusCode)
	live := resp.ContentLength < 0
	if live {
		flush(w) // an event stream may wait long for its first event
	}
	if err := copyBody(w, resp.Body, live); err != nil {
		return err
	}
	for name, values := range resp.Trailer {
		if len(resp.Trailer) != announced {
			name = http.TrailerPrefix + name // some were not announced
		}
		h[name] = values
	}
	return nil
}

// copyHeader copies what is not hop-by-hop. What the gateway has set already, like
// X-Krakend or the headers of CORS, stays, and the backend's own stands beside it
// (KrakenD v3, 9.9).
func copyHeader(dst, src http.Header) {
	for name, values := range src {
		if hopByHop(name) {
			continue
		}
		if own := dst[name]; len(own) > 0 {
			values = append(own[:len(own):len(own)], values...)
		}
		dst[name] = values
	}
	dropNamed(dst, src["Connection"])
}

// chunks are copy buffers of 32 KiB.
var chunks = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// copyBody copies until src ends. When live, what arrived is sent on before more
// is waited for.
func copyBody(w http.ResponseWriter, src io.Reader, live bool) error {
	chunk := chunks.Get().(*[32 << 10]byte)
	defer chunks.Put(chunk)
	for {
		n, err := src.Read(chunk[:])
		if n > 0 {
			if _, err := w.Write(chunk[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if live && n > 0 {
			flush(w)
		}
	}
}

func flush(w http.ResponseWriter) {
	_ = http.NewResponseController(w).Flush() // the next write tells
}

var _ Pipe = (*stream)(nil)
