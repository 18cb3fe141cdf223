//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package spool

import "os"

// flock does nothing: the standard library has no lock here that ends with the
// process, and a lock file that stays after a crash would keep the next start
// from its events. Two processes must not be given the same directory.
func flock(*os.File) error { return nil }

// syncDir does nothing: a directory cannot be synced here.
func syncDir(*os.File) error { return nil }
