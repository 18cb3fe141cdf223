package backend

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestParametersAreEscapedForTheirPlace(t *testing.T) {
	for _, c := range []struct {
		host, pattern, query string
		values               []string
		want                 string
	}{
		{"http://h", "/a/{x}", "", []string{"1"}, "http://h/a/1"},
		{"http://h", "a/{x}/{y}", "", []string{"1", "é/ü"}, "http://h/a/1/%C3%A9%2F%C3%BC"},
		{"http://h:9", "/a/{x}?q={x}&z=1", "b=2", []string{"a b&c=d"}, "http://h:9/a/a%20b&c=d?q=a+b%26c%3Dd&z=1&b=2"},
		{"http://h/base/", "/{x}", "", []string{"a;b"}, "http://h/base/a%3Bb"},
		{"http://h/b%2Fc", "/{x}", "", []string{"1"}, "http://h/b%2Fc/1"},
		{"http://[::1]:80", "/a%2Fb/{x}", "", []string{"1"}, "http://[::1]:80/a%2Fb/1"},
		{"http://h", "/a b/{x}", "", []string{"1"}, "http://h/a%20b/1"},
		{"http://h", "/a?q=b c#frag", "", nil, "http://h/a?q=b%20c"},
		{"http://h", "/{x}.json", "", []string{"%41"}, "http://h/%2541.json"},
		{"http://h", "/{ x}/{", "", nil, "http://h/%7B%20x%7D/%7B"},
		{"http://h", "/a/../{x}", "", []string{"1"}, "http://h/a/../1"},
		{"http://h", "/a?q={x}", "", []string{"..\r\n"}, "http://h/a?q=..%0D%0A"},
	} {
		h, err := parseHost(c.host)
		if err != nil {
			t.Fatal(err)
		}
		target, err := parseTarget(c.pattern, []string{"x", "y"})
		if err != nil {
			t.Fatal(err)
		}
		u, err := target.url(&h, &Call{Values: c.values}, c.query)
		if err != nil || u.String() != c.want {
			t.Errorf("%s with %q: got %v, %v, want %s", c.pattern, c.values, u, err, c.want)
		}
	}
}

// What a wildcard matched stands where the star does, and keeps its slashes.
func TestWhatAWildcardMatchedStandsBehindThePath(t *testing.T) {
	h := host{scheme: "http", host: "h"}
	for _, c := range []struct {
		pattern string
		names   []string
		rest    string
		want    string
	}{
		{"/x/*", []string{"*"}, "a/b/", "http://h/x/a/b/"},
		{"/*?q=1", []string{"*"}, "", "http://h/?q=1"},
		{"/__catchall", []string{"*"}, "a", "http://h/a"},
		{"/{id}/*", []string{"id", "*"}, "a b/c;d/%2F", "http://h/7/a%20b/c%3Bd/%252F"},
		{"/x", []string{"*"}, "a", "http://h/x"},
		{"/x/*", []string{"id"}, "", "http://h/x/%2A"},
	} {
		target, err := parseTarget(c.pattern, c.names)
		if err != nil {
			t.Fatal(err)
		}
		values := []string{c.rest}
		if len(c.names) == 2 {
			values = []string{"7", c.rest}
		}
		u, err := target.url(&h, &Call{Values: values}, "")
		if err != nil || u.String() != c.want {
			t.Errorf("%s with %q: got %v, %v, want %s", c.pattern, c.rest, u, err, c.want)
		}
		if target.fixed() == (c.want != "http://h/x" && c.want != "http://h/x/%2A") {
			t.Errorf("%s is fixed: %v", c.pattern, target.fixed())
		}
	}
	target, _ := parseTarget("/x/*", []string{"*"})
	if u, err := target.url(&h, &Call{Values: []string{"../y"}}, ""); !errors.Is(err, ErrDotSegment) {
		t.Errorf("got %v, %v", u, err)
	}
}

func TestDotSegmentsOfParametersAreRefused(t *testing.T) {
	h := host{scheme: "http", host: "h"}
	for _, c := range []struct {
		pattern string
		values  []string
	}{{"/a/{x}", []string{".."}}, {"/{x}{y}/b", []string{".", "."}}, {"/a/{x}", []string{"b/../c"}}, {"/.{x}", []string{"."}}} {
		target, err := parseTarget(c.pattern, []string{"x", "y"})
		if err != nil {
			t.Fatal(err)
		}
		if u, err := target.url(&h, &Call{Values: c.values}, ""); !errors.Is(err, ErrDotSegment) {
			t.Errorf("%s with %q: got %v, %v", c.pattern, c.values, u, err)
		}
	}
}

func TestImpossibleTargetsAndHostsAreRefused(t *testing.T) {
	for pattern, want := range map[string]string{
		"/{no}":    `url_pattern "/{no}": {no} is not a parameter of the endpoint`,
		"/a%zz":    `url_pattern "/a%zz": invalid URL escape "%zz"`,
		"/a?b\x01": `url_pattern "/a?b\x01": control character '\x01'`,
		"/{JWT}":   `url_pattern "/{JWT}": {JWT} is not a parameter of the endpoint`,
	} {
		if _, err := parseTarget(pattern, []string{"x"}); err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
	}
	for text, want := range map[string]string{
		"ftp://h":       `host "ftp://h": must begin with http:// or https://`,
		"http://":       `host "http://": has no host name`,
		"http://u:p@h":  `host "http://u:xxxxx@h": must not hold a user or a password`,
		"http://h?a=1":  `host "http://h?a=1": must not hold a query or a fragment`,
		"http://h:port": `host "http://h:port": parse "http://h:port": invalid port ":port" after host`,
	} {
		if _, err := parseHost(text); err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
	}
}

// FuzzParametersStayInTheirPlace: whatever a client puts into a path, the backend
// gets the same segments and the same query keys.
func FuzzParametersStayInTheirPlace(f *testing.F) {
	for _, v := range []string{"1", "a/b", "..", "%2e", "a&b=c", "?x", "#y", "\r\n", "é;ü,", " "} {
		f.Add(v)
	}
	h := host{scheme: "http", host: "h"}
	target, err := parseTarget("/a/{x}/b?k={x}&z=1", []string{"x"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value string) {
		u, err := target.url(&h, &Call{Values: []string{value}}, "")
		if err != nil {
			if !errors.Is(err, ErrDotSegment) {
				t.Fatal(err)
			}
			return
		}
		line := u.RequestURI()
		if strings.ContainsAny(line, " \r\n#") || strings.Count(line, "?") != 1 {
			t.Fatalf("%q makes the request line %q", value, line)
		}
		got, err := url.ParseRequestURI(line)
		if err != nil {
			t.Fatalf("%q makes %q: %v", value, line, err)
		}
		segments := strings.Split(got.EscapedPath(), "/")
		if len(segments) != 4 || got.Path != "/a/"+value+"/b" {
			t.Fatalf("%q makes the path %q", value, got.EscapedPath())
		}
		if query := got.Query(); len(query) != 2 || query.Get("k") != value || query.Get("z") != "1" {
			t.Fatalf("%q makes the query %q", value, got.RawQuery)
		}
	})
}
