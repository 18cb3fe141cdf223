package route

import (
	"slices"
	"strings"
	"testing"
)

func table(t testing.TB, loose bool, endpoints ...string) *Table[string] {
	t.Helper()
	var table Table[string]
	for _, e := range endpoints {
		method, path, _ := strings.Cut(e, " ")
		p, err := Parse(path, loose)
		if err != nil {
			t.Fatal(err)
		}
		if err := table.Add(method, p, e); err != nil {
			t.Fatal(err)
		}
	}
	return &table
}

func TestLookupPrefersLiteralsAndGoesBack(t *testing.T) {
	table := table(t, false,
		"GET /", "GET /user/me", "GET /user/{id}", "GET /user/{id}/orders/{order}", "GET /user/me/settings",
		"POST /user/{name}", "GET /slash/", "GET c/d", "GET /odd/x{y}")
	for _, c := range []struct {
		method, path, want string
		values             []string
	}{
		{"GET", "/", "GET /", nil},
		{"GET", "/user/me", "GET /user/me", nil},
		{"GET", "/user/40", "GET /user/{id}", []string{"40"}},
		{"GET", "/user/a b", "GET /user/{id}", []string{"a b"}},
		{"GET", "/user/me/orders/7", "GET /user/{id}/orders/{order}", []string{"me", "7"}},
		{"GET", "/user/me/settings", "GET /user/me/settings", nil},
		{"POST", "/user/me", "POST /user/{name}", []string{"me"}},
		{"GET", "/slash/", "GET /slash/", nil},
		{"GET", "/slash", "", nil},
		{"GET", "/user/", "", nil},
		{"GET", "/user//orders/7", "", nil},
		{"GET", "/USER/me", "", nil},
		{"GET", "/user/a/b", "", nil},
		{"GET", "/c/d", "GET c/d", nil},
		{"GET", "/odd/x{y}", "GET /odd/x{y}", nil},
		{"GET", "/odd/x1", "", nil},
		{"GET", "*", "", nil},
		{"GET", "", "", nil},
		{"PUT", "/", "", nil},
	} {
		got, params, ok := table.Lookup(c.method, c.path, nil)
		if got != c.want || ok != (c.want != "") || !slices.Equal(params.Values, c.values) {
			t.Errorf("%s %s: got %q %q, want %q %q", c.method, c.path, got, params.Values, c.want, c.values)
		}
	}
	_, params, _ := table.Lookup("GET", "/user/1/orders/2", nil)
	if params.Get("order") != "2" || params.Get("none") != "" {
		t.Errorf("Get gave %q and %q", params.Get("order"), params.Get("none"))
	}
}

func TestLoosePatternsHaveParametersInsideSegments(t *testing.T) {
	table := table(t, true, "GET /file/{name}.json", "GET /file/{name}", "GET /v{major}.{minor}/x", "GET /{a}-{b}/y")
	for _, c := range []struct {
		path, want string
		values     []string
	}{
		{"/file/a.json", "GET /file/{name}.json", []string{"a"}},
		{"/file/a.xml", "GET /file/{name}", []string{"a.xml"}},
		{"/file/.json", "GET /file/{name}", []string{".json"}},
		{"/v1.20/x", "GET /v{major}.{minor}/x", []string{"1", "20"}},
		{"/1-2-3/y", "GET /{a}-{b}/y", []string{"1", "2-3"}},
	} {
		got, params, _ := table.Lookup("GET", c.path, nil)
		if got != c.want || !slices.Equal(params.Values, c.values) {
			t.Errorf("%s: got %q %q, want %q %q", c.path, got, params.Values, c.want, c.values)
		}
	}
}

func TestImpossiblePatternsAreRefusedByName(t *testing.T) {
	for _, c := range []struct {
		loose bool
		paths []string
		want  string
	}{
		{false, []string{"/a/{id}/{id}"}, `path "/a/{id}/{id}": parameter {id} stands there twice`},
		{true, []string{"/a/{x}{y}"}, `path "/a/{x}{y}": nothing stands between {x} and {y}`},
		{false, []string{"/a", "/a"}, "GET /a: registered already, as /a"},
		{false, []string{"/a/{id}", "/a/{other}/b"}, "GET /a/{other}/b: parameter {other} stands where another endpoint has {id}: use one name"},
		{true, []string{"/a/x{id}", "/a/x{other}"}, "GET /a/x{other}: parameter {other} stands where another endpoint has {id}: use one name"},
	} {
		var table Table[int]
		var got error
		for _, path := range c.paths {
			p, err := Parse(path, c.loose)
			if err == nil {
				err = table.Add("GET", p, 0)
			}
			got = err
		}
		if got == nil || got.Error() != c.want {
			t.Errorf("%q: got error %v, want %s", c.paths, got, c.want)
		}
	}
}

func TestAllowedListsTheOtherMethods(t *testing.T) {
	table := table(t, false, "GET /a/{id}", "POST /a/{x}", "DELETE /b", "PUT /a/1")
	if got := table.Allowed("HEAD", "/a/1"); !slices.Equal(got, []string{"GET", "POST", "PUT"}) {
		t.Errorf("got %q", got)
	}
	if got := table.Allowed("GET", "/c"); got != nil {
		t.Errorf("unknown path: got %q", got)
	}
}

func TestRedirectGoesToTheRegisteredPath(t *testing.T) {
	table := table(t, false, "GET /user/{id}", "GET /Mixed/Case/", "GET /a/b", "POST /b")
	both := Redirects{TrailingSlash: true, FixedPath: true}
	for _, c := range []struct {
		path string
		o    Redirects
		want string
	}{
		{"/user/7/", both, "/user/7"},
		{"/USER/7", both, "/user/7"},
		{"/USER/Xy/", both, "/user/Xy"},
		{"/mixed/CASE", both, "/Mixed/Case/"},
		{"//a//b", both, "/a/b"},
		{"/a/./x/../b", both, "/a/b"},
		{"/a/b/", Redirects{TrailingSlash: true}, "/a/b"},
		{"/a/b/", Redirects{FixedPath: true}, "/a/b"},
		{"/a/b/", Redirects{}, ""},
		{"/A/b", Redirects{TrailingSlash: true}, ""},
		{"/b/", both, ""},
		{"//evil.example/", both, ""},
		{"/user/", both, ""},
		{"/nothing", both, ""},
	} {
		if got, _ := table.Redirect("GET", c.path, c.o); got != c.want {
			t.Errorf("%s %+v: got %q, want %q", c.path, c.o, got, c.want)
		}
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	table := table(t, false, "GET /user/{id}/orders/{order}", "GET /user/me/x")
	var buf [4]string
	if n := testing.AllocsPerRun(100, func() { table.Lookup("GET", "/user/me/orders/12", buf[:0]) }); n != 0 {
		t.Errorf("%v allocations per lookup", n)
	}
}

func FuzzRedirectLeadsToAMatch(f *testing.F) {
	for _, p := range []string{"/user/7/", "//A//b", "/a/../..", "/file/X.JSON", "/file/ſ.json/", "/%2f", "/wild/a//b", "/WILD/x"} {
		f.Add(p)
	}
	table := table(f, true, "GET /user/{id}", "GET /a/b", "GET /A/C/", "GET /file/{name}.json", "GET /s/{a}-{b}/", "GET /", "GET /Wild/{x}/*")
	f.Fuzz(func(t *testing.T, path string) {
		if !strings.HasPrefix(path, "/") {
			return
		}
		if _, _, ok := table.Lookup("GET", path, nil); ok {
			return
		}
		to, ok := table.Redirect("GET", path, Redirects{TrailingSlash: true, FixedPath: true})
		if !ok {
			return
		}
		if _, _, ok := table.Lookup("GET", to, nil); !ok {
			t.Errorf("%q redirects to %q, which matches nothing", path, to)
		}
		if strings.HasPrefix(to, "//") {
			t.Errorf("%q redirects to %q, another host", path, to)
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	table := table(b, false, "GET /user/{id}/orders/{order}", "GET /user/me", "GET /a/b/c/d")
	var buf [4]string
	for b.Loop() {
		table.Lookup("GET", "/user/40/orders/12", buf[:0])
	}
}
