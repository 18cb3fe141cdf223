package main

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
)

// lines is a host's logger that keeps what it is told.
type lines []string

func (l *lines) Debug(v ...any)   { l.add("DEBUG", v) }
func (l *lines) Info(v ...any)    { l.add("INFO", v) }
func (l *lines) Warning(v ...any) { l.add("WARNING", v) }
func (l *lines) Error(v ...any)   { l.add("ERROR", v) }

func (l *lines) add(level string, v []any) { *l = append(*l, level+" "+fmt.Sprint(v...)) }

func TestRecordsBecomeLinesOfTheHost(t *testing.T) {
	var got lines
	var r registerer
	r.RegisterLogger(&got)
	log := r.logger
	log.Debug("seen", "events", 3, "level", "high", "msg", "a b")
	log.Info("plain")
	log.With("a", 1).WithGroup("g").Warn("grouped", "msg", "", "b", 2)
	log.Error("failed", "error", errors.New("no\nnews"))
	log.Log(t.Context(), slog.LevelError+4, "worse")
	want := lines{
		`DEBUG [PLUGIN: gatemeter] seen events=3 level=high msg="a b"`,
		`INFO [PLUGIN: gatemeter] plain`,
		`WARNING [PLUGIN: gatemeter] grouped a=1 g.msg="" g.b=2`,
		`ERROR [PLUGIN: gatemeter] failed error="no\nnews"`,
		`ERROR [PLUGIN: gatemeter] worse`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestALoggerOfAnotherKindIsNotUsed(t *testing.T) {
	var r registerer
	r.RegisterLogger("none")
	if r.logger != nil {
		t.Error("it was")
	}
}
