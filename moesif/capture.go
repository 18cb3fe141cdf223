package moesif

import (
	"context"
	"net/http"

	"github.com/gatemeter/gatemeter/moesif/queue"
)

// item is an exchange as it lies in the queue.
type item struct {
	queue.Node
	exchange Exchange
}

// transit is what a request needs while it passes, in one piece of memory. It
// dies with the request; the item goes on.
type transit struct {
	context carrier
	writer  response
	body    requestBody
}

// carrier is the request's context with the exchange in it.
type carrier struct {
	context.Context
	x *Exchange
}

func (c *carrier) Value(key any) any {
	if key == (contextKey{}) {
		return c.x
	}
	return c.Context.Value(key)
}

// Capture returns next with a record of each request and its answer, reported
// when the answer is complete. It belongs outermost, around whatever else may
// answer. CORS preflights are passed on untouched, and so is what another Capture
// of the same integration records already.
//
// The answer never waits for the reporting. Panics pass through, and what was
// answered until then is reported.
func (in *Integration) Capture(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if outer := From(r.Context()); isPreflight(r) || outer != nil && outer.in == in {
			next.ServeHTTP(w, r)
			return
		}
		it := new(item)
		x := &it.exchange
		x.begin(in, r)

		t := &transit{}
		t.context = carrier{r.Context(), x}
		t.writer = response{ResponseWriter: w, it: it}
		captured := r.WithContext(&t.context)
		if r.Body != nil && r.Body != http.NoBody {
			t.body = requestBody{r.Body, x}
			captured.Body = &t.body
		}

		returned := false
		defer func() {
			if returned {
				t.writer.begin(http.StatusOK)
				x.matched(captured.Pattern)
			}
			x.askAtTheEnd(captured)
			if captured.MultipartForm != nil && r.MultipartForm == nil {
				r.MultipartForm = captured.MultipartForm // the server removes its files
			}
			it.report()
		}()
		next.ServeHTTP(t.writer.like(), captured)
		returned = true
	})
}

// report hands a finished exchange over, the first time it is called.
func (it *item) report() {
	x := &it.exchange
	if !x.seal() {
		return
	}
	x.in.queue.Put(it) // counts what it refuses
}

// isPreflight reports whether a browser asks for permission (Fetch, 3.3).
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions &&
		r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}
