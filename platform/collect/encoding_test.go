package collect_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// packers are all the ways to pack a body, by what the Content-Encoding says; the
// part after a space only tells two of them apart.
var packers = map[string]func(io.Writer) io.WriteCloser{
	"gzip":        func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"x-gzip":      func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"deflate":     func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	"deflate raw": func(w io.Writer) io.WriteCloser { z, _ := flate.NewWriter(w, 6); return z },
	"br":          func(w io.Writer) io.WriteCloser { return brotli.NewWriterLevel(w, 1) },
	"zstd":        func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1)); return z },
	"identity":    func(w io.Writer) io.WriteCloser { return nopCloser{w} },
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// packed returns content packed in the ways that names lists, in this order.
func packed(t testing.TB, content []byte, names ...string) string {
	t.Helper()
	for _, name := range names {
		var b bytes.Buffer
		z := packers[name](&b)
		if _, err := z.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		content = b.Bytes()
	}
	return string(content)
}

func header(names ...string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i], _, _ = strings.Cut(name, " ")
	}
	return strings.Join(list, " , ")
}

func TestEveryEncodingOfABodyIsRead(t *testing.T) {
	f := setUp(t)
	batch := []byte("[" + call(now, "") + "]")
	for name := range packers {
		encoding := header(name)
		body := packed(t, batch, name)
		f.want(f.post("/v1/events/batch", body, "Content-Encoding", encoding), http.StatusCreated)
		f.want(f.post("/v1/events/batch", body, "Content-Encoding", strings.ToUpper(encoding)), http.StatusCreated)
		if n := len(f.journal.last(t).Entries); n != 1 {
			t.Errorf("%s: %d entries", name, n)
		}
		for _, bad := range []string{body[:len(body)/2], "no", ""} {
			f.want(f.post("/v1/events/batch", bad, "Content-Encoding", encoding), http.StatusBadRequest)
		}
		for second := range packers {
			w := f.post("/v1/events/batch", packed(t, batch, name, second), "Content-Encoding", header(name, second))
			f.want(w, http.StatusCreated)
		}
	}
	f.want(f.post("/v1/events/batch", packed(t, batch, "br", "gzip", "zstd"), "Content-Encoding", "br, identity,gzip, zstd"), http.StatusCreated)
}

func TestEncodingsThatAreNotKnownAreNamed(t *testing.T) {
	f := setUp(t)
	for encoding, want := range map[string]string{
		"compress":               `Content-Encoding: must be gzip, deflate, br, zstd or identity, or several of them with commas (got \"compress\")`,
		"gzip, lzma":             `(got \"lzma\")`,
		"gzip, gzip, gzip, gzip": "must name at most 3 encodings (got 4)",
	} {
		w := f.post("/v1/events/batch", "[]", "Content-Encoding", encoding)
		f.want(w, http.StatusUnsupportedMediaType)
		if !strings.Contains(w.Body.String(), want) || w.Header().Get("Accept-Encoding") != "gzip, deflate, br, zstd" {
			t.Errorf("%s: %s %v", encoding, w.Body, w.Header())
		}
	}
}

// TestLimitCountsDecodedBytes sends bombs, some of them packed twice: few bytes
// that are 51 MB.
func TestLimitCountsDecodedBytes(t *testing.T) {
	f := setUp(t)
	bomb := bytes.Repeat([]byte(" "), 51<<20)
	for _, names := range [][]string{{"gzip"}, {"deflate raw"}, {"br"}, {"zstd", "gzip"}} {
		body := packed(t, bomb, names...)
		f.want(f.post("/v1/events/batch", body, "Content-Encoding", header(names...)), http.StatusRequestEntityTooLarge)
	}
	// The layer in the middle is what is large here.
	f.want(f.post("/v1/events/batch", packed(t, bomb, "identity", "gzip"), "Content-Encoding", "zstd, gzip"), http.StatusBadRequest)
	f.want(f.post("/v1/actions/batch", strings.Repeat(" ", 16<<20)), http.StatusRequestEntityTooLarge)
	f.want(f.post("/v1/events/batch", "["+strings.Repeat("1,", 100_000)+"1]"), http.StatusRequestEntityTooLarge)
	f.want(f.post("/v1/events/batch", "["+call(now, "")+"]"), http.StatusCreated)
}

// TestABatchOfTinyThingsTakesBoundedMemory sends what takes many times its size in
// memory: events of next to nothing, and headers of next to nothing.
func TestABatchOfTinyThingsTakesBoundedMemory(t *testing.T) {
	const most = 400 << 20 // all that is allocated, garbage included
	event := func(more string) string {
		return `{"request":{"time":"` + now + `","uri":"/","verb":"G","headers":{` + more + `}}}`
	}
	headers := event(strings.TrimSuffix(strings.Repeat(`"":"",`, 100_000), ","))
	for name, c := range map[string]struct {
		item   string
		n      int
		status int
	}{
		"empty events":  {event(""), 100_000, http.StatusCreated},
		"no events":     {`{}`, 100_000, http.StatusCreated},
		"more items":    {event(""), 500_000, http.StatusRequestEntityTooLarge},
		"empty headers": {headers, 50 << 20 / (len(headers) + 1), http.StatusRequestEntityTooLarge},
	} {
		body := []byte("[" + strings.TrimSuffix(strings.Repeat(c.item+",", c.n), ",") + "]")
		f := setUp(t)
		f.collector.Journal = forgetful{}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		w := f.send("/v1/events/batch", bytes.NewReader(body))
		runtime.ReadMemStats(&after)
		if w.Code != c.status {
			t.Errorf("%s: got %d %.200s", name, w.Code, w.Body)
		}
		taken := after.TotalAlloc - before.TotalAlloc
		t.Logf("%s: %d bytes took %d MB", name, len(body), taken>>20)
		if taken > most && name != "empty headers" { // whose garbage is one event's at a time
			t.Errorf("%s: %d bytes took %d of memory", name, len(body), taken)
		}
	}
}
