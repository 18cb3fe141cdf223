package script

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// http_response calls another service. KrakenD's documentation is remembered so:
// http_response.new(url[, method[, body[, headers]]]), then statusCode(), headers(name),
// body() and close(). Chosen: any host, since the operator wrote the script; redirects
// are followed; the answer is read whole, so that nothing is left open when a script
// forgets close.

// Bounds on the calls of one run, and on an answer's body in bytes. They end with the
// run's context at the latest.
const (
	maxHTTPCalls = 16
	maxAnswer    = 10 << 20
)

const answerType = "http_response"

// answered is what came of a call.
type answered struct {
	status int
	header http.Header
	body   string
}

type callsKey struct{}

// counted makes room for the calls of one run.
func counted(ctx context.Context) context.Context {
	return context.WithValue(ctx, callsKey{}, new(int))
}

func newClient(transport http.RoundTripper) *http.Client { return &http.Client{Transport: transport} }

// addCalls makes http_response known to l.
func (s *Script) addCalls(l *lua.LState) {
	meta := l.NewTypeMetatable(answerType)
	meta.RawSetString("__metatable", lua.LFalse)
	meta.RawSetString("__index", l.SetFuncs(l.NewTable(), map[string]lua.LGFunction{
		"statusCode": func(l *lua.LState) int {
			l.Push(lua.LNumber(self[*answered](l, answerType).status))
			return 1
		},
		"headers": func(l *lua.LState) int {
			l.Push(lua.LString(self[*answered](l, answerType).header.Get(l.CheckString(2))))
			return 1
		},
		"body": func(l *lua.LState) int {
			l.Push(lua.LString(self[*answered](l, answerType).body))
			return 1
		},
		"close": func(l *lua.LState) int {
			self[*answered](l, answerType)
			return 0
		},
	}))
	constructor := l.NewTable()
	constructor.RawSetString("new", l.NewFunction(s.call))
	l.SetGlobal(answerType, locked(l, constructor))
}

func (s *Script) call(l *lua.LState) int {
	ctx := l.Context()
	if n, ok := ctx.Value(callsKey{}).(*int); ok {
		if *n++; *n > maxHTTPCalls {
			l.RaiseError("http_response makes %d calls at most", maxHTTPCalls)
		}
	}
	r, err := callRequest(ctx, l)
	if err != nil {
		l.RaiseError("http_response: %s", err.Error())
	}
	a, err := s.answerOf(r)
	if err != nil {
		l.RaiseError("http_response: %s: %s", r.URL.Host, err.Error())
	}
	l.Push(&lua.LUserData{Value: a, Metatable: l.GetTypeMetatable(answerType), Env: l.Env})
	return 1
}

func callRequest(ctx context.Context, l *lua.LState) (*http.Request, error) {
	to := l.CheckString(1)
	var body io.Reader
	if text := l.OptString(3, ""); text != "" {
		body = strings.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, strings.ToUpper(l.OptString(2, http.MethodGet)), to, body)
	if err != nil {
		return nil, bare(err)
	}
	if r.URL.Scheme != "http" && r.URL.Scheme != "https" || r.URL.Host == "" {
		return nil, errors.New("an address of http or https expected")
	}
	l.OptTable(4, l.NewTable()).ForEach(func(k, v lua.LValue) {
		name, checked := CheckHeader(k.String(), v.String())
		if checked != nil {
			err = checked
			return
		}
		r.Header[name] = []string{v.String()}
	})
	return r, err
}

func (s *Script) answerOf(r *http.Request) (*answered, error) {
	resp, err := s.client.Do(r)
	if err != nil {
		return nil, bare(err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	_ = resp.Body.Close() // it is read, or nobody wants it
	switch {
	case err != nil:
		return nil, bare(err)
	case len(body) > maxAnswer:
		return nil, errors.New("the answer is too long")
	}
	return &answered{resp.StatusCode, resp.Header, string(body)}, nil
}

// bare is err without the address, where keys may stand.
func bare(err error) error {
	var told *url.Error
	if errors.As(err, &told) {
		return told.Err
	}
	return err
}
