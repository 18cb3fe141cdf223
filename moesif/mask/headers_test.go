package mask

import "testing"

func TestHeaderValues(t *testing.T) {
	h := NewHeaders(append([]string{"X-Custom", " x-ODD "}, DefaultHeaders...), NewQuery(DefaultQuery))
	for _, c := range []struct{ name, value, want string }{
		{"Authorization", "Bearer abc", Masked},
		{"authorization", "Basic eA==", Masked},
		{"SET-COOKIE", "a=b", Masked},
		{"x-custom", "v", Masked},
		{"X-Odd", "v", Masked},
		{"X-Odd-Not", "v", "v"},
		{"X-Custom", "", ""},
		{"Location", "https://a/cb?code=1&access_token=x", "https://a/cb?code=1&access_token=*****"},
		{"referer", "https://a/#id_token=x", "https://a/#id_token=*****"},
		{"Link", `<https://a/x?page=2&token=x>; rel="next", </y?token=y#z>; rel=last`, `<https://a/x?page=2&token=*****>; rel="next", </y?token=*****#z>; rel=last`},
		{"Link", `</x?page=2>; rel=next`, `</x?page=2>; rel=next`},
		{"Link", `</x?token=x`, `</x?token=*****`},
		{"Refresh", `5; url=/x?token=y`, `5; url=/x?token=*****`},
		{"X-Forwarded-Uri", `/x?token=y`, `/x?token=*****`},
		{"Content-Type", "text/html; token=x", "text/html; token=x"},
	} {
		if got := h.Value(c.name, c.value); got != c.want {
			t.Errorf("%s: %s: got %q, want %q", c.name, c.value, got, c.want)
		}
	}
	var none *Headers
	if got := none.Value("Authorization", "x"); got != "x" {
		t.Errorf("without masks: %q", got)
	}
	if n := testing.AllocsPerRun(100, func() { h.Value("Authorization", "x"); h.Value("Accept", "x"); h.Value("Referer", "https://a/?b=c") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestURIs(t *testing.T) {
	q := NewQuery(append([]string{"user.pin"}, DefaultQuery...))
	for _, c := range []struct{ uri, want string }{
		{"https://a/b?c=d", "https://a/b?c=d"},
		{"/b?token=x", "/b?token=*****"},
		{"/b?TOKEN=x&a=b&Api%5FKey=y&c", "/b?TOKEN=*****&a=b&Api%5FKey=*****&c"},
		{"/b?token=&token", "/b?token=&token"},
		{"/b?token=a=b;c=d&e=f", "/b?token=*****&e=f"},
		{"/b?a=1;token=x;b=2#f", "/b?a=1;token=*****#f"},
		{"/b?a=1?token=x", "/b?a=1?token=*****"},
		{"/b?user[token]=x&user[pin]=1&pin=2", "/b?user[token]=*****&user[pin]=*****&pin=2"},
		{"/b?User.PIN=1&user%5B0%5D.pin=2&x.user.pin=3", "/b?User.PIN=*****&user%5B0%5D.pin=*****&x.user.pin=3"},
		{"/b?user[]=1&user[pin][]=2&user[]pin=3", "/b?user[]=1&user[pin][]=*****&user[]pin=*****"},
		{`/b?f=%7B%22token%22%3A%22x%22%7D&g={"a":1}&h={"token":"?;"}`, `/b?f=%7B%22token%22%3A%22%2A%2A%2A%2A%2A%22%7D&g={"a":1}&h=%7B%22token%22%3A%22%2A%2A%2A%2A%2A%22%7D`},
		{`/b?f=[1+TO+2]&g=%7B"token":x`, `/b?f=[1+TO+2]&g=*****`},
		{"/b#access_token=x&state=y", "/b#access_token=*****&state=y"},
		{"/token=x/b", "/token=x/b"},
		{"https://u:p%40@h:80/x@y", "https://u:*****@h:80/x@y"},
		{"https://u@h/a:b@c", "https://u@h/a:b@c"},
		{"https://u:a@b@h/?password=1", "https://u:*****@h/?password=*****"},
		{"/a//b:c@d", "/a//b:c@d"},
		{"", ""},
	} {
		if got := q.URI(c.uri); got != c.want {
			t.Errorf("%s: got %s, want %s", c.uri, got, c.want)
		}
	}
	var none *Query
	if got := none.URI("/?token=x"); got != "/?token=x" {
		t.Errorf("without masks: %s", got)
	}
}
