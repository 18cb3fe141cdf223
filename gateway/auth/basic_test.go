package auth

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/crypto/bcrypt"

	"github.com/gatemeter/gatemeter/gateway/config"
)

func bcryptOf(t testing.TB, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(hash)
}

func basicAuth(name, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

func passwords(t testing.TB, c *config.Basic) Guard {
	t.Helper()
	g, err := keeperOf(t).Guards(&config.Endpoint{Basic: c})
	if err != nil {
		t.Fatal(err)
	}
	return g.Identify[0]
}

func TestPasswordsOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "htpasswd")
	apache := strings.Replace(bcryptOf(t, "of a file"), "$2a$", "$2y$", 1)
	if err := os.WriteFile(path, []byte("# people\n\nbob:"+apache+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := passwords(t, &config.Basic{HtpasswdPath: path, Users: map[string]string{"ann": bcryptOf(t, "s:cret"), "empty": bcryptOf(t, "")}})
	for range 2 { // the second time out of memory
		for header, want := range map[string]int{
			basicAuth("ann", "s:cret"):                                       200,
			basicAuth("bob", "of a file"):                                    200,
			basicAuth("empty", ""):                                           200,
			basicAuth("ann", "secret"):                                       401,
			basicAuth("ann", ""):                                             401,
			basicAuth("bob", "s:cret"):                                       401,
			basicAuth("eve", "s:cret"):                                       401,
			basicAuth("", ""):                                                401,
			basicAuth("ann", strings.Repeat("x", 2000)):                      401,
			"Authorization: Bearer x":                                        401,
			"Authorization: Basic x":                                         401,
			"X-Authorization: " + basicAuth("ann", "s:cret"):                 401,
			strings.Replace(basicAuth("ann", "s:cret"), "Basic", "bASIC", 1): 200,
		} {
			if got := statusOf(t, g, header); got != want {
				t.Errorf("%.60s: got %d, want %d", header, got, want)
			}
		}
	}
	w := httptest.NewRecorder()
	g.Admit(w, httptest.NewRequest(http.MethodGet, "/", nil), nil)
	if got := w.Header().Get("WWW-Authenticate"); got != `Basic realm="Restricted", charset="UTF-8"` {
		t.Errorf("asked with %q", got)
	}
}

func TestGuessersTakeTurns(t *testing.T) {
	hash := bcryptOf(t, "secret")
	synctest.Test(t, func(t *testing.T) {
		g := passwords(t, &config.Basic{Users: map[string]string{"ann": hash}}).(*Basic)
		if got := statusOf(t, g, basicAuth("ann", "secret")); got != 200 {
			t.Errorf("got %d", got)
		}
		for range cap(g.keeper.turns) { // as if that many were being checked
			g.keeper.turns <- struct{}{}
		}
		done := make(chan int, 1)
		go func() { done <- statusOf(t, g, basicAuth("ann", "guess")) }()
		synctest.Wait()
		if len(done) > 0 {
			t.Error("a guess is checked out of turn")
		}
		if got := statusOf(t, g, basicAuth("ann", "secret")); got != 200 {
			t.Errorf("who is known waits for no turn: got %d", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if g.right(ctx, "ann", "another guess") {
			t.Error("a client that left was let in")
		}
		<-g.keeper.turns
		if got := <-done; got != 401 {
			t.Errorf("got %d", got)
		}
	})
}

func TestPasswordFilesAreChecked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "htpasswd")
	good := "ann:" + bcryptOf(t, "x")
	for text, want := range map[string]string{
		good + "\nbob:{SHA}x":      "htpasswd_path: " + path + ":2: must be a name, a colon and a bcrypt hash such as $2y$10$… (htpasswd -B makes one)",
		good[3:]:                   "htpasswd_path: " + path + ":1: must be a name, a colon and a bcrypt hash such as $2y$10$… (htpasswd -B makes one)",
		"just words":               "htpasswd_path: " + path + ":1: must be a name, a colon and a bcrypt hash such as $2y$10$… (htpasswd -B makes one)",
		"# nobody\n":               "",
		strings.Repeat("x", 1<<17): "htpasswd_path: " + path + ": bufio.Scanner: token too long",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := keeperOf(t).Guards(&config.Endpoint{Basic: &config.Basic{HtpasswdPath: path}})
		if want == "" {
			if err == nil || err.Error() != "extra_config.auth/basic: nobody could call: there is no user" {
				t.Errorf("%.20s: got %v", text, err)
			}
			continue
		}
		if want := "extra_config.auth/basic." + want; err == nil || err.Error() != want {
			t.Errorf("%.20s: got %v, want %s", text, err, want)
		}
	}
}
