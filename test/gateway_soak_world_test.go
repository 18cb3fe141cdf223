package test

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash/maphash"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// soakObject is what most backends answer.
const soakObject = `{"id":7,"name":"a chair","price":49.90,"user":{"id":1,"secret":"s3cr3t"},"tags":["wood","oak"]}`

// soakUpstream are the backends of testdata/soak.json, good and bad ones.
func soakUpstream(t *testing.T) (address string) {
	t.Helper()
	say := func(kind, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = io.WriteString(w, text)
		}
	}
	big := `{"text":"` + strings.Repeat("all work and no play ", 10_000) + `"}`
	mux := http.NewServeMux()
	mux.Handle("/object", say("application/json", soakObject))
	mux.Handle("/list", say("application/json", "["+soakObject+","+soakObject+"]"))
	mux.Handle("/big", say("application/json", big))
	mux.Handle("/xml", say("application/xml", `<order id="7"><item>a chair</item></order>`))
	mux.Handle("/text", say("text/plain", "a chair"))
	mux.Handle("/graphql", say("application/json", `{"data":{"hero":{"name":"Ann"}}}`))
	mux.HandleFunc("/cached", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1")
		_, _ = io.WriteString(w, soakObject)
	})
	mux.HandleFunc("/echo/{id}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"echo":%q}`, r.PathValue("id"))
	})
	mux.HandleFunc("/count", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprintf(w, `{"bytes":%d}`, n)
	})
	mux.HandleFunc("/status/{code}", func(w http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.PathValue("code"))
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"error":"as asked"}`)
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, _ *http.Request) {
		for i := range 20 {
			_, _ = fmt.Fprintf(w, "event %d\n", i)
			_ = http.NewResponseController(w).Flush()
		}
	})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/socket", func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_ = rw.Flush()
		_, _ = io.Copy(conn, rw)
	})
	mux.HandleFunc("/broken/{how}", breaks)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// breaks says what no server should, and ends the connection.
func breaks(w http.ResponseWriter, r *http.Request) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	const ok = "HTTP/1.1 200 OK\r\n"
	switch r.PathValue("how") {
	case "reset":
		_ = conn.(*net.TCPConn).SetLinger(0)
	case "short":
		_, _ = rw.WriteString(ok + "Content-Length: 1000\r\n\r\n{")
	case "chunk":
		_, _ = rw.WriteString(ok + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\nzz\r\n")
	case "garbage":
		_, _ = rw.WriteString("SSH-2.0-OpenSSH_9.2\r\n")
	case "headers":
		line := "X-Flood: " + strings.Repeat("x", 1000) + "\r\n"
		_, err = rw.WriteString(ok)
		for err == nil {
			_, err = rw.WriteString(line)
		}
	}
	_ = rw.Flush()
}

// moodyCollector speaks Moesif's protocol, and now and then does not want to.
type moodyCollector struct {
	url  string
	mood atomic.Int32

	mu     sync.Mutex
	ids    map[uint64]struct{} // of events it has taken
	pushes map[string]int      // by mood
}

var moods = []string{"well", "500", "503", "slow", "deaf", "resets"}

func openMoodyCollector(t *testing.T) *moodyCollector {
	t.Helper()
	c := &moodyCollector{ids: map[uint64]struct{}{}, pushes: map[string]int{}}
	seed := maphash.MakeSeed()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/config":
			_, _ = io.WriteString(w, `{}`)
			return
		case "/v1/rules":
			_, _ = io.WriteString(w, `[{"_id":"no","type":"regex","block":true,"regex_config":[{"conditions":[{"path":"request.route","value":"/blocked$"}]}],"response":{"status":451,"body":{"error":"no"}}}]`)
			return
		}
		mood := moods[c.mood.Load()]
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		c.mu.Lock()
		c.pushes[mood]++
		c.mu.Unlock()
		switch mood {
		case "500":
			w.WriteHeader(http.StatusInternalServerError)
			return
		case "503":
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case "slow", "deaf": // it takes them late, or not at all
			select {
			case <-time.After(500 * time.Millisecond):
			case <-r.Context().Done():
				return
			}
		}
		if mood != "deaf" {
			if err := c.take(seed, body); err != nil {
				t.Errorf("a push can't be read: %v", err)
			}
		}
		if mood == "deaf" || mood == "resets" { // what was taken is not acknowledged
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// take remembers the ids of the events of a push.
func (c *moodyCollector) take(seed maphash.Seed, body []byte) error {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := []byte(`"transaction_id":"`)
	for {
		_, rest, found := bytes.Cut(text, key)
		if !found {
			return nil
		}
		id, after, _ := bytes.Cut(rest, []byte(`"`))
		c.ids[maphash.Bytes(seed, id)], text = struct{}{}, after
	}
}

func (c *moodyCollector) taken() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ids)
}

// change takes another mood: well, every second time.
func (c *moodyCollector) change(r *mathrand.Rand) {
	if r.IntN(2) == 0 {
		c.mood.Store(0)
		return
	}
	c.mood.Store(int32(1 + r.IntN(len(moods)-1)))
}

// issuer signs tokens; keys is its JWKS.
type issuer struct {
	key  *rsa.PrivateKey
	keys string
}

func newIssuer(t *testing.T) issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return issuer{key, `{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":"one","n":"` + b64(key.N.Bytes()) +
		`","e":"` + b64(big.NewInt(int64(key.E)).Bytes()) + `"}]}`}
}

// token is good for a day.
func (i issuer) token(t *testing.T, subject string) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(`{"alg":"RS256","kid":"one","typ":"JWT"}`)) + "." +
		b64(fmt.Appendf(nil, `{"sub":%q,"exp":%d}`, subject, time.Now().Add(24*time.Hour).Unix()))
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(signature)
}
