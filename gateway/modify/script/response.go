package script

import (
	"context"
	"errors"
	"net/http"

	lua "github.com/yuin/gopher-lua"
)

// Response is what response.load gives to a script that runs behind a call. Its
// names are KrakenD's (KrakenD v3, 2.5: data, completeness, headers, status), their
// spelling in Lua is from memory.
type Response struct {
	Data     map[string]any // may be replaced; belongs to the script until Run returns
	Complete bool
	Status   int
	Header   http.Header // the script changes it in place
	Body     Text        // of no-op
	touched  bool        // Data may have changed
}

var errNoBody = errors.New("the body is for no-op, this answer has data")

// NoBody is Body of answers that have data.
func NoBody() Text {
	return Text{Get: func() (string, error) { return "", nil }, Set: func(string) error { return errNoBody }}
}

// helper implements loaded.
func (r *Response) helper(l *lua.LState) lua.LValue {
	return loader(l, func(loaded *lua.LTable) {
		for name, method := range map[string]lua.LGFunction{
			"data": func(l *lua.LState) int {
				if r.touched = true; r.Data == nil {
					r.Data = map[string]any{}
				}
				l.Push(wrapped(l, object(r.Data)))
				return 1
			},
			"isComplete": r.isComplete,
			"statusCode": r.statusCode,
			"headers":    HeadersOf(r.Header).call,
			"body":       r.Body.call,
		} {
			loaded.RawSetString(name, l.NewFunction(method))
		}
	})
}

func (r *Response) isComplete(l *lua.LState) int {
	if l.GetTop() < 2 {
		l.Push(lua.LBool(r.Complete))
		return 1
	}
	r.Complete = l.CheckBool(2)
	return 0
}

func (r *Response) statusCode(l *lua.LState) int {
	if l.GetTop() < 2 {
		l.Push(lua.LNumber(r.Status))
		return 1
	}
	status := l.CheckInt(2)
	if status < 200 || status > 599 {
		l.ArgError(2, "a status from 200 to 599 expected")
	}
	r.Status = status
	return 0
}

// settle makes Data plain again.
func (r *Response) settle(ctx context.Context) error {
	if !r.touched {
		return nil
	}
	v, err := newBudget(ctx).plain(r.Data, 0)
	if err != nil {
		return err
	}
	r.Data, _ = v.(map[string]any)
	return nil
}

// HeadersOf are h, which a script may change.
func HeadersOf(h http.Header) Values {
	return Values{
		Get: h.Get,
		Set: func(name, value string) error {
			name, err := CheckHeader(name, value)
			if err == nil {
				h[name] = []string{value}
			}
			return err
		},
	}
}

var _ loaded = (*Response)(nil)
