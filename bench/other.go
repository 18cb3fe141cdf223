//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: needs Linux: processes are pinned to cores and read from /proc")
	os.Exit(1)
}
