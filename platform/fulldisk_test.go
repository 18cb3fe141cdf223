package platform_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test program starts itself in this mode: a process is needed that has a limit
// of its own on the size of files.
const (
	fullDiskChild = "GATEMETER_FULL_DISK_TEST_CHILD"
	fullDiskBytes = 256 << 10
)

// TestAFullDiskIsSurvivedInProcess fills the disk under a running platform, as far
// as every file of it is concerned, and takes the filling away again.
func TestAFullDiskIsSurvivedInProcess(t *testing.T) {
	if os.Getenv(fullDiskChild) != "" {
		surviveFullDisk(t)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v") // #nosec G204 -- this very program
	c.Env = append(os.Environ(), fullDiskChild+"=1")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func surviveFullDisk(t *testing.T) {
	signal.Ignore(syscall.SIGXFSZ)
	s := start(t, t.TempDir())
	var acked []string
	n := 0
	send := func() int {
		var b strings.Builder
		ids := make([]string, 50)
		for i := range ids {
			ids[i] = fmt.Sprintf("id-%d-%d", n, i)
			event := call(ago(time.Minute, time.RFC3339Nano), 200, "ada", "acme")
			b.WriteString([]string{",", "["}[btoi(i == 0)] + strings.TrimSuffix(event, "}") + `,"transaction_id":"` + ids[i] + `"}`)
		}
		n++
		a := s.do(http.MethodPost, "/v1/events/batch", b.String()+"]", "X-Moesif-Application-Id", s.appID)
		switch a.status {
		case http.StatusCreated:
			acked = append(acked, ids...)
		case http.StatusServiceUnavailable, http.StatusTooManyRequests:
			if a.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		default:
			t.Errorf("got %d %s", a.status, a.body)
		}
		return a.status
	}
	ready := func() bool { return s.do(http.MethodGet, "/readyz", "").status == http.StatusOK }
	if send() != http.StatusCreated || !ready() {
		t.Fatal("nothing is accepted to begin with")
	}
	for round := range 2 {
		limit(t, fullDiskBytes)
		eventually(t, "the disk is full", func() bool { return send() != http.StatusCreated && !ready() })
		limit(t, noLimit)
		eventually(t, "it is ready again", func() bool { return ready() && send() == http.StatusCreated })
		if s.do(http.MethodGet, "/livez", "").status != http.StatusOK {
			t.Error("it does not live")
		}
		t.Logf("round %d: %d events acknowledged", round, len(acked))
	}
	eventually(t, "all that was acknowledged is stored", func() bool {
		found := map[string]int{}
		cursor := ""
		for {
			list := s.events("?limit=1000&cursor=" + cursor)
			for _, e := range list.Events {
				found[e.TransactionID]++
			}
			if cursor = list.Next; cursor == "" {
				break
			}
		}
		for _, id := range acked {
			if found[id] != 1 {
				return false
			}
		}
		return true
	})
}

var noLimit uint64

// limit says how large a file may get.
func limit(t *testing.T, bytes uint64) {
	t.Helper()
	var l syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l)
	if noLimit == 0 {
		noLimit = l.Cur
	}
	l.Cur = bytes
	if err := errors.Join(err, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l)); err != nil {
		t.Fatal(err)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
