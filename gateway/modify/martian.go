package modify

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// martian is modifier/martian of a backend, compiled: what it does to a call, and to
// its answer. Either may be nil.
//
// The call is changed in place, as is what its redirects inherit: the address that
// they are relative to, headers and body.
type martian struct {
	request  func(*http.Request)
	response func(*http.Response)
	next     http.RoundTripper
}

func newMartian(m *config.Modifier, next http.RoundTripper) *martian {
	return &martian{request: onRequest(m), response: onResponse(m), next: next} //nolint:bodyclose // it changes answers, whoever reads them closes them
}

// RoundTrip implements http.RoundTripper.
func (m *martian) RoundTrip(r *http.Request) (*http.Response, error) {
	if m.request != nil && !redirected(r) {
		m.request(r)
	}
	resp, err := m.next.RoundTrip(r)
	if err == nil && m.response != nil && resp.StatusCode != http.StatusSwitchingProtocols {
		m.response(resp)
	}
	return resp, err
}

var _ http.RoundTripper = (*martian)(nil)

// onRequest compiles what m does to requests; nil when that is nothing.
func onRequest(m *config.Modifier) func(*http.Request) {
	if m == nil || !m.OnRequest {
		return nil
	}
	switch m.Kind {
	case "header.Modifier":
		if m.Name == "Host" {
			return func(r *http.Request) { r.Host = m.Value }
		}
		return func(r *http.Request) { r.Header[m.Name] = []string{m.Value} }
	case "header.Append", "header.Copy", "header.Blacklist":
		change := onHeader(m)
		if m.Kind == "header.Copy" && m.Name == "Host" {
			return func(r *http.Request) { r.Header[m.To] = []string{cmp.Or(r.Host, r.URL.Host)} }
		}
		return func(r *http.Request) { change(r.Header) }
	case "header.Id":
		return func(r *http.Request) {
			if r.Header.Get("X-Martian-Id") == "" {
				r.Header["X-Martian-Id"] = []string{strings.ToLower(rand.Text())}
			}
		}
	case "querystring.Modifier":
		return func(r *http.Request) {
			query := r.URL.Query()
			query.Set(m.Name, m.Value)
			u := *r.URL // may be shared between calls
			u.RawQuery = query.Encode()
			r.URL = &u
		}
	case "url.Modifier":
		return func(r *http.Request) { r.URL = changedURL(m, r.URL) }
	case "body.Modifier", "body.FromFile":
		return func(r *http.Request) {
			discard(r)
			setBody(r, m.Body)
			describeBody(r.Header, m)
		}
	case "cookie.Modifier":
		return func(r *http.Request) { r.AddCookie(m.Cookie) }
	case "fifo.Group":
		return inTurn(m.Modifiers, onRequest)
	}
	then, otherwise := onRequest(m.Then), onRequest(m.Else)
	return func(r *http.Request) {
		if matches(m, r.Header, r.URL) {
			call(then, r)
			return
		}
		call(otherwise, r)
	}
}

// onResponse compiles what m does to answers; nil when that is nothing. A filter
// about the URL looks at that of the call.
func onResponse(m *config.Modifier) func(*http.Response) {
	if m == nil || !m.OnResponse {
		return nil
	}
	switch m.Kind {
	case "header.Modifier":
		return func(r *http.Response) { r.Header[m.Name] = []string{m.Value} }
	case "header.Append", "header.Copy", "header.Blacklist":
		change := onHeader(m)
		return func(r *http.Response) { change(r.Header) }
	case "body.Modifier", "body.FromFile":
		return func(r *http.Response) {
			if r.StatusCode == http.StatusNoContent || r.StatusCode == http.StatusNotModified {
				return // these have none
			}
			_ = r.Body.Close() // nobody wants the rest of it
			r.Body = io.NopCloser(bytes.NewReader(m.Body))
			r.ContentLength, r.Trailer, r.TransferEncoding = int64(len(m.Body)), nil, nil
			r.Uncompressed = false
			describeBody(r.Header, m)
		}
	case "cookie.Modifier":
		return func(r *http.Response) { r.Header.Add("Set-Cookie", m.Cookie.String()) }
	case "status.Modifier":
		return func(r *http.Response) {
			r.StatusCode, r.Status = m.Status, strconv.Itoa(m.Status)+" "+http.StatusText(m.Status)
		}
	case "fifo.Group":
		return inTurn(m.Modifiers, onResponse) //nolint:bodyclose // as above
	}
	then, otherwise := onResponse(m.Then), onResponse(m.Else) //nolint:bodyclose // as above
	return func(r *http.Response) {
		if matches(m, r.Header, r.Request.URL) {
			call(then, r)
			return
		}
		call(otherwise, r)
	}
}

// onHeader is what is the same for requests and responses. Values are shared with
// the client's request, so no slice is changed.
func onHeader(m *config.Modifier) func(http.Header) {
	switch m.Kind {
	case "header.Append":
		return func(h http.Header) { h[m.Name] = append(slices.Clip(h[m.Name]), m.Value) }
	case "header.Copy":
		return func(h http.Header) {
			if values := h[m.Name]; len(values) > 0 {
				h[m.To] = values[:1:1]
			}
		}
	}
	return func(h http.Header) {
		for _, name := range m.Names {
			delete(h, name)
		}
	}
}

// describeBody makes h tell of m's body.
func describeBody(h http.Header, m *config.Modifier) {
	h["Content-Type"] = []string{m.ContentType}
	h["Content-Length"] = []string{strconv.Itoa(len(m.Body))}
	delete(h, "Content-Encoding")
}

func changedURL(m *config.Modifier, from *url.URL) *url.URL {
	u := *from
	if m.Scheme != "" {
		u.Scheme = m.Scheme
	}
	if m.Host != "" {
		u.Host = m.Host
	}
	if m.Path != "" {
		u.Path, u.RawPath = m.Path, ""
	}
	if m.Query != "" {
		u.RawQuery = m.Query
	}
	return &u
}

func inTurn[T any](list []config.Modifier, compile func(*config.Modifier) func(T)) func(T) {
	var steps []func(T)
	for i := range list {
		if step := compile(&list[i]); step != nil {
			steps = append(steps, step)
		}
	}
	if len(steps) == 0 {
		return nil
	}
	return func(v T) {
		for _, step := range steps {
			step(v)
		}
	}
}

func call[T any](step func(T), v T) {
	if step != nil {
		step(v)
	}
}

// matches tells whether a filter is about a message with header h and a call of u.
func matches(m *config.Modifier, h http.Header, u *url.URL) bool {
	switch m.Kind {
	case "header.Filter":
		values, there := h[m.Name]
		return there && (m.Value == "" || slices.Contains(values, m.Value))
	case "header.RegexFilter":
		return slices.ContainsFunc(h[m.Name], m.Regex.MatchString)
	case "querystring.Filter":
		values, there := u.Query()[m.Name]
		return there && (m.Value == "" || slices.Contains(values, m.Value))
	case "url.RegexFilter":
		return m.Regex.MatchString(u.String())
	}
	return (m.Scheme == "" || m.Scheme == u.Scheme) &&
		(m.Host == "" || hostMatches(m.Host, u.Host)) &&
		(m.Path == "" || m.Path == u.Path) &&
		(m.Query == "" || m.Query == u.RawQuery)
}

// hostMatches compares label by label, where * stands for any one.
func hostMatches(pattern, host string) bool {
	want, got := strings.Split(strings.ToLower(pattern), "."), strings.Split(strings.ToLower(host), ".")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != "*" && want[i] != got[i] {
			return false
		}
	}
	return true
}
