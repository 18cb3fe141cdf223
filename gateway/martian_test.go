package gateway

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// modified is a no-op POST endpoint whose backend has modifier.
func modified(t *testing.T, host, modifier string) *running {
	t.Helper()
	return runFile(t, host, `{"version": 3, "host": ["HOST"], "timeout": "10s", "endpoints": [{"endpoint": "/a/{id}", "method": "POST", "output_encoding": "no-op",
		"input_headers": ["X-A", "X-B"], "input_query_strings": ["*"],
		"backend": [{"url_pattern": "/b/{id}?own=1", "extra_config": {"modifier/martian": `+modifier+`}}]}]}`)
}

func TestModifiersChangeWhatTheBackendSees(t *testing.T) {
	host := upstream(t, tellSeen)
	file := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(file, []byte(`{"from":"file"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		modifier string
		header   string // "X-Name: value, value"; without values it is absent
		uri      string
		body     string
	}{
		"header":          {modifier: `{"header.Modifier": {"scope": ["request"], "name": "x-new", "value": "v"}}`, header: "X-New: v"},
		"header over":     {modifier: `{"header.Modifier": {"scope": ["request"], "name": "X-A", "value": 7}}`, header: "X-A: 7"},
		"no scope":        {modifier: `{"header.Modifier": {"name": "X-New", "value": "v"}}`, header: "X-New: v"},
		"empty scope":     {modifier: `{"header.Modifier": {"scope": [], "name": "X-New", "value": "v"}}`, header: "X-New: "},
		"response only":   {modifier: `{"header.Modifier": {"scope": ["response"], "name": "X-New", "value": "v"}}`, header: "X-New: "},
		"append":          {modifier: `{"header.Append": {"scope": ["request"], "name": "X-A", "value": "2"}}`, header: "X-A: 1, 2"},
		"append new":      {modifier: `{"header.Append": {"scope": ["request"], "name": "X-New", "value": "2"}}`, header: "X-New: 2"},
		"copy":            {modifier: `{"header.Copy": {"scope": ["request"], "from": "X-A", "to": "X-New"}}`, header: "X-New: 1"},
		"copy of nothing": {modifier: `{"header.Copy": {"scope": ["request"], "from": "X-None", "to": "X-A"}}`, header: "X-A: 1"},
		"copy of host":    {modifier: `{"header.Copy": {"scope": ["request"], "from": "Host", "to": "X-New"}}`, header: "X-New: " + strings.TrimPrefix(host, "http://")},
		"blacklist":       {modifier: `{"header.Blacklist": {"scope": ["request"], "names": ["x-a", "X-None"]}}`, header: "X-A: "},
		"cookie":          {modifier: `{"cookie.Modifier": {"scope": ["request"], "name": "c", "value": "1"}}`, header: "Cookie: c=1"},
		"query":           {modifier: `{"querystring.Modifier": {"scope": ["request"], "name": "q", "value": "a b"}}`, uri: "/b/7?own=1&page=2&q=a+b"},
		"query over":      {modifier: `{"querystring.Modifier": {"scope": ["request"], "name": "page", "value": "9"}}`, uri: "/b/7?own=1&page=9"},
		"url":             {modifier: `{"url.Modifier": {"scope": ["request"], "path": "/other path", "query": "z=1"}}`, uri: "/other%20path?z=1"},
		"url host":        {modifier: `{"url.Modifier": {"scope": ["request"], "host": "` + strings.TrimPrefix(host, "http://") + `"}}`, uri: "/b/7?own=1&page=2"},
		"body":            {modifier: `{"body.Modifier": {"scope": ["request"], "contentType": "text/x", "body": "aGVsbG8="}}`, body: "hello", header: "Content-Type: text/x"},
		"body from file":  {modifier: `{"body.FromFile": {"scope": ["request"], "contentType": "application/json", "path": ` + strconv.Quote(file) + `}}`, body: `{"from":"file"}`},
		"group": {modifier: `{"fifo.Group": {"scope": ["request", "response"], "aggregateErrors": true, "modifiers": [
			{"header.Append": {"scope": ["request"], "name": "X-A", "value": "2"}}, {"header.Copy": {"scope": ["request"], "from": "X-A", "to": "X-B"}}, {"header.Append": {"scope": ["request"], "name": "X-B", "value": "3"}}]}}`,
			header: "X-B: 1, 3"},
		"group without the request": {modifier: `{"fifo.Group": {"scope": ["response"], "modifiers": [{"header.Append": {"scope": ["request"], "name": "X-A", "value": "2"}}]}}`, header: "X-A: 1"},
		"regex":                     {modifier: `{"header.RegexFilter": {"scope": ["request"], "header": "x-a", "regex": "^[0-9]$", "modifier": {"header.Modifier": {"name": "X-New", "value": "yes"}}, "else": {"header.Modifier": {"name": "X-New", "value": "no"}}}}`, header: "X-New: yes"},
		"regex else":                {modifier: `{"header.RegexFilter": {"scope": ["request"], "header": "X-A", "regex": "^[a-z]$", "modifier": {"header.Modifier": {"name": "X-New", "value": "yes"}}, "else": {"header.Modifier": {"name": "X-New", "value": "no"}}}}`, header: "X-New: no"},
		"header filter":             {modifier: `{"header.Filter": {"scope": ["request"], "name": "X-A", "value": "2", "modifier": {"header.Modifier": {"name": "X-New", "value": "yes"}}}}`, header: "X-New: "},
		"query filter":              {modifier: `{"querystring.Filter": {"scope": ["request"], "name": "page", "value": "2", "modifier": {"header.Modifier": {"name": "X-New", "value": "yes"}}}}`, header: "X-New: yes"},
		"query filter any":          {modifier: `{"querystring.Filter": {"scope": ["request"], "name": "none", "modifier": {"header.Modifier": {"name": "X-New", "value": "yes"}}, "else": {"url.Modifier": {"path": "/none"}}}}`, uri: "/none?own=1&page=2"},
		"url filter":                {modifier: `{"url.Filter": {"scope": ["request"], "scheme": "http", "host": "127.*.*.` + host[strings.LastIndexByte(host, '.')+1:] + `", "path": "/b/7", "modifier": {"header.Modifier": {"name": "X-New", "value": "yes"}}}}`, header: "X-New: yes"},
		"url filter else":           {modifier: `{"url.Filter": {"scope": ["request"], "host": "*.0.0.2", "modifier": {"header.Modifier": {"name": "X-New", "value": "yes"}}, "else": {"header.Modifier": {"name": "X-New", "value": "no"}}}}`, header: "X-New: no"},
		"url regex":                 {modifier: `{"url.RegexFilter": {"scope": ["request"], "regex": "/b/[0-9]+\\?own", "modifier": {"header.Modifier": {"name": "X-New", "value": "yes"}}}}`, header: "X-New: yes"},
	} {
		t.Run(name, func(t *testing.T) {
			got := modified(t, host, c.modifier).see(t, "POST /a/7?page=2", "sent", "X-A: 1", "X-B: b")
			if field, want, ok := strings.Cut(c.header, ": "); ok && strings.Join(got.Header[field], ", ") != want {
				t.Errorf("%s: %q, want %q", field, got.Header[field], want)
			}
			if want := c.uri; want != "" && got.URI != want {
				t.Errorf("asked for %s, want %s", got.URI, want)
			}
			want := "sent"
			if c.body != "" {
				want = c.body
			}
			if got.Body != want || got.Length != int64(len(want)) {
				t.Errorf("body %q of %d", got.Body, got.Length)
			}
		})
	}
}

func TestAModifiedHostHeaderIsNotTheAddress(t *testing.T) {
	g := modified(t, upstream(t, tellSeen), `{"header.Modifier": {"scope": ["request"], "name": "Host", "value": "other.example"}}`)
	if got := g.see(t, "POST /a/7", ""); got.Host != "other.example" {
		t.Errorf("Host: %s", got.Host)
	}
}

func TestAnIdIsKeptWhereThereIsOne(t *testing.T) {
	g := modified(t, upstream(t, tellSeen), `{"fifo.Group": {"scope": ["request"], "modifiers": [{"header.Id": {"scope": ["request"]}}, {"header.Copy": {"scope": ["request"], "from": "X-Martian-Id", "to": "X-A"}}, {"header.Id": {}}]}}`)
	first, second := g.see(t, "POST /a/7", "").Header, g.see(t, "POST /a/7", "").Header
	if id := first.Get("X-Martian-Id"); id == "" || id != first.Get("X-A") || id == second.Get("X-Martian-Id") {
		t.Errorf("ids are %v and %v", first, second)
	}
}

func TestModifiersChangeWhatTheClientGets(t *testing.T) {
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-A", "1")
		w.Header().Set("Content-Encoding", "odd")
		if r.URL.Query().Get("empty") != "" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "answer")
	})
	for name, c := range map[string]struct {
		modifier, request string
		status            int
		header            string
		body              string
	}{
		"header":     {modifier: `{"header.Modifier": {"scope": ["response"], "name": "X-A", "value": "v"}}`, header: "X-A: v"},
		"append":     {modifier: `{"header.Append": {"scope": ["response"], "name": "X-A", "value": "2"}}`, header: "X-A: 1, 2"},
		"copy":       {modifier: `{"header.Copy": {"scope": ["response"], "from": "X-A", "to": "X-B"}}`, header: "X-B: 1"},
		"blacklist":  {modifier: `{"header.Blacklist": {"scope": ["response"], "names": ["X-A"]}}`, header: "X-A: "},
		"cookie":     {modifier: `{"cookie.Modifier": {"scope": ["response"], "name": "c", "value": "1", "path": "/", "maxAge": 60, "secure": true, "httpOnly": true}}`, header: "Set-Cookie: c=1; Path=/; Max-Age=60; HttpOnly; Secure"},
		"status":     {modifier: `{"status.Modifier": {"scope": ["response"], "statusCode": 418}}`, status: 418},
		"body":       {modifier: `{"body.Modifier": {"scope": ["response"], "contentType": "text/x", "body": "aGVsbG8="}}`, body: "hello", header: "Content-Encoding: "},
		"no body":    {modifier: `{"body.Modifier": {"scope": ["response"], "contentType": "text/x", "body": "aGVsbG8="}}`, request: "POST /a/7?empty=1", status: 204, body: "none"},
		"filter":     {modifier: `{"header.RegexFilter": {"scope": ["response"], "header": "X-A", "regex": "1", "modifier": {"header.Modifier": {"scope": ["response"], "name": "X-B", "value": "v"}}}}`, header: "X-B: v"},
		"url filter": {modifier: `{"url.Filter": {"scope": ["response"], "path": "/b/7", "modifier": {"header.Modifier": {"scope": ["response"], "name": "X-B", "value": "v"}}}}`, header: "X-B: v"},
	} {
		t.Run(name, func(t *testing.T) {
			request := c.request
			if request == "" {
				request = "POST /a/7"
			}
			got := modified(t, host, c.modifier).send(t, request, "")
			status, body := 202, "answer"
			if c.status != 0 {
				status = c.status
			}
			if c.body == "none" {
				body = ""
			} else if c.body != "" {
				body = c.body
			}
			if got.StatusCode != status || got.Text != body {
				t.Errorf("got %d %q", got.StatusCode, got.Text)
			}
			if field, want, ok := strings.Cut(c.header, ": "); ok && strings.Join(got.Header[field], ", ") != want {
				t.Errorf("%s: %q, want %q", field, got.Header[field], want)
			}
		})
	}
}

// The modifiers work before a redirect is followed, and what they changed goes on.
func TestRedirectsAreRelativeToTheModifiedCall(t *testing.T) {
	other := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/here", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, r.URL.String()+" "+strings.Join(r.Header["X-A"], ","))
	})
	g := runFile(t, "http://127.0.0.1:1", `{"version": 3, "host": ["HOST"], "timeout": "10s", "endpoints": [{"endpoint": "/a", "output_encoding": "no-op",
		"backend": [{"url_pattern": "/", "extra_config": {"modifier/martian": {"fifo.Group": {"scope": ["request"], "modifiers": [
			{"url.Modifier": {"host": "`+strings.TrimPrefix(other, "http://")+`", "path": "/moved"}}, {"header.Append": {"scope": ["request"], "name": "X-A", "value": "1"}}]}}}}]}]}`)
	for range 2 {
		if got := g.send(t, "GET /a", ""); got.Text != "/here 1" {
			t.Errorf("got %d %q", got.StatusCode, got.Text)
		}
	}
}
