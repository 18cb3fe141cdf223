//go:build failpoints

// Package failpoint lets the program die at a moment that GATEMETER_FAILPOINT names:
// `load.stored:3` is the third time that the loader has stored something.
package failpoint

import (
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

var (
	name string
	left atomic.Int64
)

func init() {
	// A file that reaches its limit is a full disk here, and not the end.
	signal.Ignore(syscall.SIGXFSZ)
	var times string
	name, times, _ = strings.Cut(os.Getenv("GATEMETER_FAILPOINT"), ":")
	n, _ := strconv.ParseInt(times, 10, 64) // 0: never
	left.Store(n)
}

// Hit passes the moment with this name, or ends the process.
func Hit(at string) {
	if at != name || left.Add(-1) != 0 {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // until the signal is there
}

// Often returns a hundredth of n: what comes after n of something comes often enough
// to die of it.
func Often(n int) int { return max(1, n/100) }
