package cache

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// backend answers with the headers and the status that it is told to, and a body
// that counts its answers.
type backend struct {
	status int
	header []string // "Name: value"
	body   string   // "": the count
	fail   error

	asked int
	last  http.Header // of the last request
}

func (b *backend) RoundTrip(r *http.Request) (*http.Response, error) {
	b.asked++
	b.last = r.Header
	if b.fail != nil {
		return nil, b.fail
	}
	h := http.Header{}
	for _, line := range b.header {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	body := b.body
	if body == "" {
		body = strconv.Itoa(b.asked)
	}
	status := b.status
	if status == 0 {
		status = http.StatusOK
	}
	if r.Method == http.MethodHead || status == http.StatusNotModified {
		body = ""
	}
	return newResponse(r, status, h, []byte(body), int64(len(body))), nil
}

// ask is one request: "GET http://b/a", header lines after it. It gives the body,
// with " cached" behind what came from the store.
func ask(t *testing.T, transport http.RoundTripper, request string, header ...string) string {
	t.Helper()
	method, address, _ := strings.Cut(request, " ")
	r, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Add(name, value)
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return err.Error()
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		text = append([]byte(strconv.Itoa(resp.StatusCode)+" "), text...)
	}
	if resp.Header.Get("X-From-Cache") == "" {
		return string(text)
	}
	return string(text) + " cached"
}

const maxAge = "Cache-Control: max-age=60"

// Each case asks twice, the second time a while later.
func TestAnAnswerIsGivenAgainWhereRFC9111Allows(t *testing.T) {
	const get = "GET http://b/a"
	for name, c := range map[string]struct {
		answer        []string
		status        int
		first, second []string // header lines of the requests
		request       string   // the second, where it is another
		after         time.Duration
		cached        bool
	}{
		"max-age":                       {answer: []string{maxAge}, after: 59 * time.Second, cached: true},
		"max-age over":                  {answer: []string{maxAge}, after: 60 * time.Second},
		"max-age with Age":              {answer: []string{maxAge, "Age: 30"}, after: 29 * time.Second, cached: true},
		"max-age with Age over":         {answer: []string{maxAge, "Age: 30"}, after: 30 * time.Second},
		"max-age quoted":                {answer: []string{`Cache-Control: x="a, max-age=0", max-age="60"`}, cached: true},
		"max-age first":                 {answer: []string{"Cache-Control: max-age=0, max-age=60"}},
		"max-age broken":                {answer: []string{"Cache-Control: max-age=1m", "Expires: Sat, 01 Jan 2050 00:00:00 GMT", "Etag: a"}},
		"max-age before Expires":        {answer: []string{maxAge, "Expires: 0"}, cached: true},
		"huge max-age":                  {answer: []string{"Cache-Control: max-age=99999999999999999999"}, after: time.Hour, cached: true},
		"Expires":                       {answer: []string{"Date: Sat, 01 Jan 2000 00:00:00 GMT", "Expires: Sat, 01 Jan 2000 00:01:00 GMT"}, after: 59 * time.Second, cached: true},
		"Expires over":                  {answer: []string{"Date: Sat, 01 Jan 2000 00:00:00 GMT", "Expires: Sat, 01 Jan 2000 00:01:00 GMT"}, after: time.Minute},
		"old Date":                      {answer: []string{"Date: Fri, 31 Dec 1999 23:59:30 GMT", maxAge}, after: 30 * time.Second},
		"nothing said":                  {answer: nil},
		"only Last-Modified":            {answer: []string{"Last-Modified: Sat, 01 Jan 1990 00:00:00 GMT"}}, // nothing is guessed
		"no-store":                      {answer: []string{maxAge, "Cache-Control: no-store"}},
		"no-cache":                      {answer: []string{maxAge, "Cache-Control: no-cache"}},
		"Vary *":                        {answer: []string{maxAge, "Vary: *"}},
		"Vary, same":                    {answer: []string{maxAge, "Vary: accept-language"}, first: []string{"Accept-Language: de"}, second: []string{"Accept-Language: de "}, cached: true},
		"Vary, other":                   {answer: []string{maxAge, "Vary: Accept-Language"}, first: []string{"Accept-Language: de"}, second: []string{"Accept-Language: en"}},
		"Vary, absent":                  {answer: []string{maxAge, "Vary: Accept, Accept-Language"}, first: []string{"Accept-Language: de"}},
		"other query":                   {answer: []string{maxAge}, request: "GET http://b/a?x"},
		"HEAD after GET":                {answer: []string{maxAge}, request: "HEAD http://b/a"},
		"404":                           {answer: []string{maxAge}, status: 404, cached: true},
		"500":                           {answer: []string{maxAge}, status: 500},
		"206":                           {answer: []string{maxAge}, status: 206},
		"asked no-store":                {answer: []string{maxAge}, first: []string{"Cache-Control: no-store"}},
		"asked no-cache":                {answer: []string{maxAge}, second: []string{"Cache-Control: no-cache"}},
		"Pragma":                        {answer: []string{maxAge}, second: []string{"Pragma: no-cache"}},
		"Pragma beside Cache-Control":   {answer: []string{maxAge}, second: []string{"Pragma: no-cache", "Cache-Control: max-age=50"}, cached: true},
		"asked max-age":                 {answer: []string{maxAge}, after: 10 * time.Second, second: []string{"Cache-Control: max-age=10"}},
		"asked min-fresh":               {answer: []string{maxAge}, after: 10 * time.Second, second: []string{"Cache-Control: min-fresh=50"}},
		"asked max-stale":               {answer: []string{maxAge}, after: 69 * time.Second, second: []string{"Cache-Control: max-stale=10"}, cached: true},
		"asked max-stale, any":          {answer: []string{maxAge}, after: time.Hour, second: []string{"Cache-Control: max-stale"}, cached: true},
		"asked max-stale, over":         {answer: []string{maxAge}, after: 70 * time.Second, second: []string{"Cache-Control: max-stale=10"}},
		"must-revalidate and max-stale": {answer: []string{maxAge, "Cache-Control: must-revalidate"}, after: 61 * time.Second, second: []string{"Cache-Control: max-stale"}},
		"own conditions":                {answer: []string{maxAge}, second: []string{"If-None-Match: x"}},
		"an upgrade":                    {answer: []string{maxAge}, second: []string{"Upgrade: websocket"}},
		"other Host":                    {answer: []string{maxAge}, second: []string{"Host: other"}},
		"a range":                       {answer: []string{maxAge}, second: []string{"Range: bytes=0-1"}},

		// A gateway asks for many: private means private to a credential.
		"same caller":            {answer: []string{maxAge}, first: []string{"Authorization: a"}, second: []string{"Authorization: a"}, cached: true},
		"other caller":           {answer: []string{maxAge}, first: []string{"Authorization: a"}, second: []string{"Authorization: b"}},
		"other caller, cookie":   {answer: []string{maxAge}, first: []string{"Cookie: a=1"}, second: []string{"Cookie: a=2"}},
		"no caller":              {answer: []string{maxAge}, first: []string{"Authorization: a"}},
		"public":                 {answer: []string{maxAge, "Cache-Control: public"}, first: []string{"Authorization: a"}, second: []string{"Authorization: b"}, cached: true},
		"private to a caller":    {answer: []string{maxAge, "Cache-Control: private"}, first: []string{"Authorization: a"}, second: []string{"Authorization: a"}, cached: true},
		"private to nobody":      {answer: []string{maxAge, "Cache-Control: private"}},
		"Set-Cookie":             {answer: []string{maxAge, "Set-Cookie: a=1"}},
		"Set-Cookie and public":  {answer: []string{maxAge, "Set-Cookie: a=1", "Cache-Control: public"}, cached: true},
		"public for the unknown": {answer: []string{maxAge}, second: []string{"Authorization: a"}, cached: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &backend{header: c.answer, status: c.status}
				transport := New(NewStore(0, 1<<20), b)
				first := ask(t, transport, get, c.first...)
				time.Sleep(c.after)
				request := get
				if c.request != "" {
					request = c.request
				}
				want := strings.Replace(first, "1", "2", 1)
				if c.cached {
					want = first + " cached"
				}
				if strings.HasPrefix(request, "HEAD") {
					want = ""
				}
				if got := ask(t, transport, request, c.second...); got != want {
					t.Errorf("first %q, then %q, want %q", first, got, want)
				}
				if asked := map[bool]int{true: 1, false: 2}[c.cached]; b.asked != asked {
					t.Errorf("the backend was asked %d times", b.asked)
				}
			})
		})
	}
}

func TestAStaleAnswerIsValidated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{header: []string{maxAge, `Etag: "v1"`, "Last-Modified: Sat, 01 Jan 1990 00:00:00 GMT", "X-A: old", "Age: 10"}}
		transport := New(NewStore(0, 1<<20), b)
		ask(t, transport, "GET http://b/a")
		time.Sleep(time.Minute)
		b.status, b.header = http.StatusNotModified, []string{maxAge, "X-A: new", "Content-Length: 99"}
		if got := ask(t, transport, "GET http://b/a"); got != "1 cached" {
			t.Errorf("got %q", got)
		}
		if b.last.Get("If-None-Match") != `"v1"` || b.last.Get("If-Modified-Since") != "Sat, 01 Jan 1990 00:00:00 GMT" {
			t.Errorf("asked with %v", b.last)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://b/a", nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Second)
		resp, err := transport.RoundTrip(r)
		if err != nil || b.asked != 2 {
			t.Fatalf("asked %d times, %v", b.asked, err)
		}
		if h := resp.Header; h.Get("X-A") != "new" || h.Get("Etag") != `"v1"` || h.Get("Age") != "50" || h.Get("Content-Length") != "" {
			t.Errorf("headers are %v", h)
		}
		time.Sleep(time.Minute)
		b.status, b.header = 0, []string{maxAge, `Etag: "v2"`}
		if got := ask(t, transport, "GET http://b/a"); got != "3" {
			t.Errorf("changed: got %q", got)
		}
		if got := ask(t, transport, "GET http://b/a"); got != "3 cached" {
			t.Errorf("changed, again: got %q", got)
		}
	})
}

func TestAFailureIsExcusedOnlyWhereTheAnswerSaysSo(t *testing.T) {
	for control, want := range map[string]string{
		"max-age=60, stale-if-error=60":                  "1 cached",
		"max-age=60, stale-if-error=30":                  "503 2",
		"max-age=60":                                     "503 2",
		"max-age=60, stale-if-error=60, must-revalidate": "503 2",
	} {
		for _, fail := range []error{nil, errors.New("gone")} {
			synctest.Test(t, func(t *testing.T) {
				b := &backend{header: []string{"Cache-Control: " + control}}
				transport := New(NewStore(0, 1<<20), b)
				ask(t, transport, "GET http://b/a")
				time.Sleep(100 * time.Second)
				b.status, b.fail = http.StatusServiceUnavailable, fail
				want := want
				if fail != nil {
					want = strings.Replace(want, "503 2", "gone", 1)
				}
				if got := ask(t, transport, "GET http://b/a"); got != want {
					t.Errorf("%s: got %q, want %q", control, got, want)
				}
			})
		}
	}
}

func TestOnlyIfCachedNeverAsks(t *testing.T) {
	b := &backend{header: []string{maxAge}}
	transport := New(NewStore(0, 1<<20), b)
	if got := ask(t, transport, "GET http://b/a", "Cache-Control: only-if-cached"); got != "504 " || b.asked != 0 {
		t.Errorf("got %q, asked %d times", got, b.asked)
	}
	ask(t, transport, "GET http://b/a")
	if got := ask(t, transport, "GET http://b/a", "Cache-Control: only-if-cached"); got != "1 cached" {
		t.Errorf("got %q", got)
	}
}

func TestAChangeForgetsWhatIsStoredForItsAddress(t *testing.T) {
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		for _, status := range []int{200, 302, 400} {
			b := &backend{header: []string{maxAge}}
			transport := New(NewStore(0, 1<<20), b)
			for _, request := range []string{"GET http://b/a", "HEAD http://b/a", "GET http://b/other"} {
				ask(t, transport, request)
			}
			b.status = status
			ask(t, transport, method+" http://b/a")
			b.status = 0
			kept := method == "OPTIONS" || status == 400
			for request, want := range map[string]bool{"GET http://b/a": kept, "HEAD http://b/a": kept, "GET http://b/other": true} {
				if got := ask(t, transport, request); strings.HasSuffix(got, "cached") != want {
					t.Errorf("%s, %d: %s gives %q", method, status, request, got)
				}
			}
		}
	}
}

func TestAnAnswerThatWasNotReadToItsEndIsNotStored(t *testing.T) {
	b := &backend{header: []string{maxAge}, body: "long"}
	transport := New(NewStore(0, 1<<20), b)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://b/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := ask(t, transport, "GET http://b/a"); got != "long" {
		t.Errorf("got %q", got)
	}
}

func TestTheStoreIsBounded(t *testing.T) {
	b := &backend{header: []string{maxAge}}
	few := New(NewStore(2, 1<<20), b)
	for _, address := range []string{"1", "2", "1", "3"} {
		ask(t, few, "GET http://b/"+address)
	}
	for address, cached := range map[string]bool{"1": true, "3": true} {
		if got := ask(t, few, "GET http://b/"+address); strings.HasSuffix(got, "cached") != cached {
			t.Errorf("%s: got %q", address, got)
		}
	}
	if got := ask(t, few, "GET http://b/2"); strings.HasSuffix(got, "cached") {
		t.Errorf("the least recently used is still there: %q", got)
	}

	store := NewStore(0, 100_000)
	b.body = strings.Repeat("x", 10_000)
	small := New(store, b)
	for i := range 100 {
		ask(t, small, "GET http://b/"+strconv.Itoa(i))
		ask(t, small, "GET http://b/a", "X-Id: "+strconv.Itoa(i))
	}
	total := 0
	for e := store.used.Front(); e != nil; e = e.Next() {
		total += e.Value.(*item).size()
	}
	if store.bytes > 100_000 || store.bytes != total || store.used.Len() < 8 || len(store.items) != store.used.Len() {
		t.Errorf("%d bytes (%d) in %d answers of %d addresses", store.bytes, total, store.used.Len(), len(store.items))
	}
	b.body = strings.Repeat("x", 30_000) // more than a quarter
	ask(t, small, "GET http://b/big")
	if got := ask(t, small, "GET http://b/big"); strings.HasSuffix(got, "cached") {
		t.Error("a large answer is stored")
	}
}

func TestVariantsOfAnAddressAreBounded(t *testing.T) {
	store := NewStore(0, 1<<20)
	transport := New(store, &backend{header: []string{maxAge, "Vary: X-Id"}})
	for i := range 3 * maxVariants {
		ask(t, transport, "GET http://b/a", "X-Id: "+strconv.Itoa(i))
	}
	if n := store.used.Len(); n != maxVariants {
		t.Errorf("%d variants", n)
	}
}

func FuzzControl(f *testing.F) {
	f.Add(`max-age="6\"0", , no-cache=x`)
	f.Fuzz(func(t *testing.T, line string) {
		d := control(http.Header{"Cache-Control": {line}})
		if age, ok := d.seconds("max-age"); ok && age < 0 {
			t.Errorf("%q: %s", line, age)
		}
	})
}
