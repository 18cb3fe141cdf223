//go:build !gateway

package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatemeter/gatemeter/platform"
)

func TestVerifyExitsWithOneWhenSomethingIsWrong(t *testing.T) {
	dir := t.TempDir()
	p, err := platform.Open(t.Context(), platform.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if code := execute(t.Context(), []string{"verify", "--data", dir}); code != 0 {
		t.Errorf("a new directory: exit code %d", code)
	}
	if err := os.RemoveAll(filepath.Join(dir, "journal")); err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{dir, filepath.Join(dir, "none")} {
		if code := execute(t.Context(), []string{"verify", "--data", data}); code != 1 {
			t.Errorf("%s: exit code %d", data, code)
		}
	}
}
