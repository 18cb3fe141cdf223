package route

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWildcardsTakeTheRestOfThePath(t *testing.T) {
	table := table(t, false, "GET /foo/*", "GET /foo/a", "GET /foo/bar/*", "GET /{x}/deep/b", "GET /users/{id}/*",
		"POST /foo/c", "PUT /*", "GET /star/a*")
	for _, c := range []struct {
		method, path, want string
		values             []string
	}{
		{"GET", "/foo/", "GET /foo/*", []string{""}},
		{"GET", "/foo/b", "GET /foo/*", []string{"b"}},
		{"GET", "/foo/b/c/", "GET /foo/*", []string{"b/c/"}},
		{"GET", "/foo/a", "GET /foo/a", nil},
		{"GET", "/foo/a/", "GET /foo/*", []string{"a/"}},
		{"GET", "/foo/bar/x", "GET /foo/bar/*", []string{"x"}},
		{"GET", "/foo/bar", "GET /foo/*", []string{"bar"}},
		{"GET", "/foo/deep/b", "GET /{x}/deep/b", []string{"foo"}}, // parameters win over wildcards
		{"GET", "/foo/c", "GET /foo/*", []string{"c"}},
		{"GET", "/users/7/a/b", "GET /users/{id}/*", []string{"7", "a/b"}},
		{"GET", "/users/7", "", nil},
		{"GET", "/foo", "", nil},
		{"GET", "/food/x", "", nil},
		{"GET", "/star/ab", "", nil},
		{"GET", "/star/a*", "GET /star/a*", nil},
		{"PUT", "/", "PUT /*", []string{""}},
		{"PUT", "/a/b", "PUT /*", []string{"a/b"}},
		{"PUT", "*", "", nil},
		{"POST", "/foo/b", "", nil},
	} {
		got, params, ok := table.Lookup(c.method, c.path, nil)
		if got != c.want || ok != (c.want != "") || !slices.Equal(params.Values, c.values) {
			t.Errorf("%s %s: got %q %q, want %q %q", c.method, c.path, got, params.Values, c.want, c.values)
		}
		if ok && len(params.Names) != len(params.Values) {
			t.Errorf("%s %s: names %q, values %q", c.method, c.path, params.Names, params.Values)
		}
	}
	if got := table.Allowed("POST", "/foo/x"); !slices.Equal(got, []string{"GET", "PUT"}) {
		t.Errorf("allowed: %q", got)
	}
}

func TestRedirectsLeadToWildcardsToo(t *testing.T) {
	table := table(t, false, "GET /Foo/*", "GET /Foo/bar/*", "GET /users/{id}/*")
	both := Redirects{TrailingSlash: true, FixedPath: true}
	for path, want := range map[string]string{
		"/Foo":             "/Foo/",
		"/foo/A//B":        "/Foo/A/B",
		"/FOO/BAR/X":       "/Foo/bar/X",
		"/foo":             "/Foo/",
		"/USERS/Ab/x":      "/users/Ab/x",
		"/users/7":         "/users/7/",
		"/x/../foo/../Foo": "/Foo/",
		"/bar":             "",
	} {
		if got, _ := table.Redirect("GET", path, both); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	if got, ok := table.Redirect("GET", "/Foo", Redirects{}); ok {
		t.Errorf("without redirects: got %q", got)
	}
}

func TestOneWildcardStandsAtOnePlace(t *testing.T) {
	var table Table[int]
	for i, want := range []string{"", "GET /a/{x}/*: registered already, as /a/{x}/*"} {
		p, err := Parse("/a/{x}/*", false)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := table.Add("GET", p, i); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%d: got %q, want %q", i, got, want)
		}
	}
}

// The table finds what a reading of all patterns, one after the other, finds: any
// that matches without a star goes before all that need one, and of these the one
// with the most segments before its star.
func TestMatchingIsWhatAReadingOfThePatternsSays(t *testing.T) {
	segments := rapid.SampledFrom([]string{"a", "b", "{p}", "ab"})
	rapid.Check(t, func(t *rapid.T) {
		var table Table[string]
		var added []string
		for range rapid.IntRange(1, 6).Draw(t, "patterns") {
			pattern := strings.Join(rapid.SliceOfN(segments, 0, 3).Draw(t, "segments"), "/")
			if strings.Count(pattern, "{p}") > 1 {
				continue
			}
			if rapid.Bool().Draw(t, "wild") {
				pattern = strings.TrimPrefix(pattern+"/*", "/")
			}
			p, err := Parse(pattern, false)
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(added, p.Text) {
				continue
			}
			if err := table.Add("GET", p, p.Text); err != nil {
				t.Fatal(err)
			}
			added = append(added, p.Text)
		}
		path := "/" + strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab", "c", ""}), 0, 4).Draw(t, "path"), "/")
		got, params, ok := table.Lookup("GET", path, nil)
		if want := best(added, path); got != want || ok != (want != "") {
			t.Fatalf("%q in %q: got %q, want %q", path, added, got, want)
		}
		if !ok {
			return
		}
		if filled := fill(got, params.Values); filled != path {
			t.Fatalf("%q: %q with %q is %q", path, got, params.Values, filled)
		}
	})
}

// best reads patterns one after the other.
func best(patterns []string, path string) string {
	winner, winning := "", ""
	for _, pattern := range patterns {
		r, ok := rank(pattern, path)
		if ok && (winner == "" || r < winning) {
			winner, winning = pattern, r
		}
	}
	return winner
}

// rank is what a pattern that matches is compared by, the least one first: 0 for each
// literal, 1 for each parameter, 2 for the star, which all that have none go before.
func rank(pattern, path string) (string, bool) {
	order := "0"
	rest := strings.Split(path[1:], "/")
	for s := range strings.SplitSeq(pattern[1:], "/") {
		if s == Rest {
			return "1" + order[1:] + "2", len(rest) > 0
		}
		if len(rest) == 0 {
			return "", false
		}
		switch {
		case s == "{p}" && rest[0] != "":
			order += "1"
		case s == rest[0]:
			order += "0"
		default:
			return "", false
		}
		rest = rest[1:]
	}
	return order, len(rest) == 0
}

func fill(pattern string, values []string) string {
	for _, v := range values {
		i, n := strings.Index(pattern, "{p}"), 3
		if i < 0 {
			i, n = strings.Index(pattern, Rest), 1
		}
		pattern = pattern[:i] + v + pattern[i+n:]
	}
	return pattern
}

func TestWildcardLookupAllocatesNothing(t *testing.T) {
	table := table(t, false, "GET /user/{id}/*", "GET /user/me/x")
	var buf [4]string
	if n := testing.AllocsPerRun(100, func() { table.Lookup("GET", "/user/me/orders/12", buf[:0]) }); n != 0 {
		t.Errorf("%v allocations per lookup", n)
	}
}
