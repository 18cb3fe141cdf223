package gateway

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jws/jwsbb"
	"github.com/mccutchen/go-httpbin/v2/httpbin"
	"golang.org/x/crypto/bcrypt"

	"github.com/gatemeter/gatemeter/gateway/config"
	"github.com/gatemeter/gatemeter/gateway/route"
)

// realistic holds whole configurations as people have them, in the proportions of a
// survey (KrakenD v3, 6), each with its calls beside it (scenario says how to read
// them). data is what the upstream gives out under /data/, lua what scripts say.
const realistic = "testdata/realistic"

// world is what the configurations are run against.
type world struct {
	key, other *rsa.PrivateKey // other: nobody's
	fill       func(string) string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{key: rsaKey(t), other: rsaKey(t)}
	mux := http.NewServeMux()
	mux.Handle("/data/", http.StripPrefix("/data/", http.FileServer(http.Dir(realistic+"/data"))))
	mux.Handle("/", httpbin.New(httpbin.WithMaxDuration(patience)))
	_, host, _ := strings.Cut(upstream(t, mux.ServeHTTP), "//")
	keys := w.keys()
	jwks := upstream(t, func(a http.ResponseWriter, r *http.Request) {
		a.Header().Set("Content-Type", "application/json")
		if id, password, ok := r.BasicAuth(); ok && r.FormValue("grant_type") == "client_credentials" {
			_, _ = fmt.Fprintf(a, `{"access_token":"of %s/%s for %s","token_type":"bearer","expires_in":3600}`, id, password, r.FormValue("scope"))
			return
		}
		_, _ = io.WriteString(a, keys)
	})
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, []byte(keys), 0o600); err != nil {
		t.Fatal(err)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	known := strings.NewReplacer("{bcrypt}", string(hash), "{upstream}", host, "{jwks}", jwks, "{jwks_file}", file, "{redis}", redisServer(t), "{nobody}", freeAddress(t), "{dir}", realistic)
	tokens := regexp.MustCompile(`\{(token|forged) (\{.*\})\}`)
	w.fill = func(text string) string {
		return tokens.ReplaceAllStringFunc(known.Replace(text), func(s string) string {
			m := tokens.FindStringSubmatch(s)
			key := w.key
			if m[1] == "forged" {
				key = w.other
			}
			return signed(t, key, m[2])
		})
	}
	return w
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// keys is the JWKS of the issuer.
func (w *world) keys() string {
	b64 := base64.RawURLEncoding.EncodeToString
	return `{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":"2026-11","n":"` + b64(w.key.N.Bytes()) +
		`","e":"` + b64(big.NewInt(int64(w.key.E)).Bytes()) + `"}]}`
}

// signed is a token of these claims, good for an hour unless they say otherwise.
func signed(t *testing.T, key *rsa.PrivateKey, claims string) string {
	t.Helper()
	all := map[string]json.RawMessage{"exp": []byte(strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10))} // numbers stay as they are written
	if err := json.Unmarshal([]byte(claims), &all); err != nil {
		t.Fatalf("%s: %v", claims, err)
	}
	payload, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(`{"alg":"RS256","kid":"2026-11","typ":"JWT"}`)) + "." + b64(payload)
	signature, err := jwsbb.Sign(key, "RS256", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(signature)
}

// configurations lists the files.
func configurations(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(realistic)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, e := range entries {
		if !e.IsDir() && !strings.HasSuffix(e.Name(), ".calls") {
			files = append(files, filepath.Join(realistic, e.Name()))
		}
	}
	return files
}

func TestConfigurationsThatPeopleHaveRun(t *testing.T) {
	w := newWorld(t)
	for _, file := range configurations(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			todo := readScenario(t, strings.TrimSuffix(file, filepath.Ext(file))+".calls", w.fill)
			s := w.load(t, file, todo)
			everyEndpointIsCalled(t, file, s, todo)
			if s.Metrics != nil {
				s.Metrics.ListenAddress = "127.0.0.1:0"
			}
			if s.Revoker != nil {
				s.Revoker.ListenAddress = "127.0.0.1:0"
			}
			if o := s.OpenTelemetry; o != nil {
				o.OTLP = nil // on other machines: every end would wait for them
				for i := range o.Scrapes {
					o.Scrapes[i].ListenIP, o.Scrapes[i].Port = "127.0.0.1", 0
				}
			}
			g := runAs(t, s, Options{Access: io.Discard})
			for _, c := range todo.calls {
				c.make(t, g)
			}
		})
	}
}

// load reads a configuration, and compares what is told of it.
func (w *world) load(t *testing.T, file string, todo scenario) *config.Service {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	filled := filepath.Join(t.TempDir(), filepath.Base(file))
	if err := os.WriteFile(filled, []byte(w.fill(string(data))), 0o600); err != nil {
		t.Fatal(err)
	}
	env := func(name string) (string, bool) {
		value, ok := todo.env[name]
		return value, ok
	}
	s, err := config.Load(filled, env)
	if err != nil {
		t.Fatal(err)
	}
	sameKeys(t, file, "warns", s.Warnings, todo.warns)
	var faults config.Problems
	if _, err := config.Lint(filled, env); err != nil && !errors.As(err, &faults) {
		t.Fatal(err)
	}
	var found []string
	for _, f := range faults {
		found = append(found, f.String())
	}
	sameKeys(t, file, "lints", found, slices.Concat(todo.warns, todo.lints))
	return s
}

// make asks and compares.
func (c *scriptedCall) make(t *testing.T, g *running) {
	t.Helper()
	at, text := *g, c.text
	if method, path, ok := strings.Cut(text, " {metrics}"); ok {
		at.URL, text = "http://"+g.metricsListener.Addr().String(), method+" "+path
	}
	if method, path, ok := strings.Cut(text, " {revoker}"); ok {
		at.URL, text = "http://"+g.revokerListener.Addr().String(), method+" "+path
	}
	got := at.send(t, text, c.body, c.headers...)
	for _, want := range c.wants {
		if difference := differs(want.text, got); difference != "" {
			t.Errorf("%s: %s: want %s, got %s", want.place, c.text, want.text, difference)
		}
	}
}

// sameKeys compares the keys that messages are about with those a .calls file names.
func sameKeys(t *testing.T, file, kind string, messages []string, want []said) {
	t.Helper()
	named := map[string]string{}
	for _, w := range want {
		named[w.text] = w.place
	}
	for _, m := range messages {
		path, _, _ := strings.Cut(m, ": ")
		if _, ok := named[path]; !ok {
			t.Errorf("%s: %s: %s", file, kind, m)
		}
		named[path] = ""
	}
	for path, place := range named {
		if place != "" {
			t.Errorf("%s: nothing %s about %s", place, kind, path)
		}
	}
}

func everyEndpointIsCalled(t *testing.T, file string, s *config.Service, todo scenario) {
	t.Helper()
	var table route.Table[int]
	called := make([]bool, len(s.Endpoints))
	for i := range s.Endpoints {
		pattern, err := route.Parse(s.Endpoints[i].Path, s.DisableREST)
		if err != nil {
			t.Fatal(err)
		}
		if err := table.Add(s.Endpoints[i].Method, pattern, i); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range todo.calls {
		method, target, _ := strings.Cut(c.text, " ")
		path, _, _ := strings.Cut(target, "?")
		if s.Router.RemoveExtraSlash {
			path = route.Clean(path)
		}
		if i, _, ok := table.Lookup(method, path, nil); ok {
			called[i] = true
		}
	}
	for i, c := range called {
		if !c {
			t.Errorf("%s: nothing calls %s %s", file, s.Endpoints[i].Method, s.Endpoints[i].Path)
		}
	}
}
