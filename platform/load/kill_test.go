package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/journal"
)

// The test program starts itself in these modes: a process is needed that can be
// killed, or that has a limit of its own on the size of files.
const (
	childMode = "GATEMETER_LOAD_TEST_CHILD"
	childDir  = "GATEMETER_LOAD_TEST_DIR"
	modeKill  = "kill"
	modeFull  = "full"
)

func child(mode string) int {
	run := killed
	if mode == modeFull {
		run = fullDisk
	}
	if err := run(os.Getenv(childDir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func command(mode, dir string) *exec.Cmd {
	c := exec.Command(os.Args[0]) // #nosec G204 -- this very program
	c.Env = append(os.Environ(), childMode+"="+mode, childDir+"="+dir)
	c.Stderr = os.Stderr
	return c
}

// killed sends every batch twice and prints the ids that were acknowledged, until
// somebody kills it.
func killed(dir string) error {
	j, err := journal.Open(filepath.Join(dir, "journal"), journal.Options{Logger: quiet})
	if err != nil {
		return err
	}
	s, err := events.Open(filepath.Join(dir, "events.duckdb"), events.Options{MemoryLimit: 512 << 20, Logger: quiet})
	if err != nil {
		return err
	}
	l, err := New(j, s, &sink{}, quiet)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- l.Run(context.Background()) }()
	for i := 0; ; i++ {
		select {
		case err := <-ended:
			return err
		default:
		}
		b := journal.Batch{App: "a", ReceivedAt: noon}
		var acked strings.Builder
		for k := range 20 {
			id := fmt.Sprintf("%d-%d-%d", os.Getpid(), i, k)
			b.Entries = append(b.Entries, entry(id))
			acked.WriteString(id + "\n")
		}
		for range 2 {
			if _, err := j.Append(context.Background(), b); err != nil {
				return err
			}
		}
		if _, err := os.Stdout.WriteString(acked.String()); err != nil {
			return err
		}
	}
}

func TestKilledProcessesLoseNothingAndCountNothingTwice(t *testing.T) {
	dir := t.TempDir()
	var acked []string
	for round := range 3 {
		c := command(modeKill, dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		var began time.Time
		for lines.Scan() {
			acked = append(acked, lines.Text())
			if began.IsZero() {
				began = time.Now()
			}
			// Into the second load, each time a bit further.
			if time.Since(began) > pause+time.Duration(round)*70*time.Millisecond {
				break
			}
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			acked = append(acked, lines.Text())
		}
		var exit *exec.ExitError
		if err := c.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("the child ended by itself: %v", err)
		}
	}
	j, err := journal.Open(filepath.Join(dir, "journal"), journal.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}()
	s := openStore(t, dir)
	l := newLoader(t, j, s, &sink{})
	drain(t, l)
	stored := ids(t, s, "a")
	if n := len(stored); n != len(slices.Compact(stored)) {
		t.Error("an event is stored twice")
	}
	slices.Sort(acked)
	for _, id := range acked {
		if _, found := slices.BinarySearch(stored, id); !found {
			t.Fatalf("%s was acknowledged and is lost; %d of %d are stored", id, len(stored), len(acked))
		}
	}
	mustBooks(t, l)
	t.Logf("%d acknowledged, %d stored", len(acked), len(stored))
}

// fullDisk loads until the store's file cannot grow, then lets it grow again.
func fullDisk(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	j, err := journal.Open("journal", journal.Options{Logger: quiet, FS: vfs.NewMem()})
	if err != nil {
		return err
	}
	s, err := events.Open(filepath.Join(dir, "events.duckdb"), events.Options{MemoryLimit: 512 << 20, Logger: quiet})
	if err != nil {
		return err
	}
	l, err := New(j, s, &sink{}, quiet)
	if err != nil {
		return err
	}
	ctx := context.Background()
	send := func(name string) error {
		b := journal.Batch{App: "a", ReceivedAt: noon}
		for k := range 500 {
			b.Entries = append(b.Entries, entry(fmt.Sprintf("%s-%d", name, k)))
		}
		_, err := j.Append(ctx, b)
		return err
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		return err
	}
	if err := send("before"); err != nil {
		return err
	}
	if _, err := l.step(ctx); err != nil {
		return err
	}
	limit := before
	limit.Cur = 64 << 10
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	failed := false
	for i := 0; i < 50 && !failed; i++ {
		if err := send(fmt.Sprint("full", i)); err != nil {
			return err
		}
		if _, err := l.step(ctx); err != nil {
			return err
		}
		failed = s.Sync(ctx) != nil
	}
	if !failed {
		return errors.New("the store never noticed that its file cannot grow")
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		return err
	}
	for i := 0; ; i++ {
		_, err := l.step(ctx)
		if err == nil && l.position == j.Last() {
			break
		}
		if i == 10 {
			return fmt.Errorf("no recovery: %w", err)
		}
	}
	if err := errors.Join(s.Sync(ctx), s.Ready()); err != nil {
		return err
	}
	if last := j.Last(); s.Synced() != last {
		return fmt.Errorf("the file has %d of %d blocks", s.Synced(), last)
	}
	books, err := l.Books(ctx)
	if err != nil {
		return err
	}
	if b := books[0]; b.Stored != b.Received || b.InFlight != 0 {
		return fmt.Errorf("books after recovery: %+v", b)
	}
	return s.Close()
}

func TestTheStoreRecoversFromAFullDisk(t *testing.T) {
	if err := command(modeFull, t.TempDir()).Run(); err != nil {
		t.Fatal(err)
	}
}
