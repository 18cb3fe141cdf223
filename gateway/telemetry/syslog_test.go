//go:build !windows && !plan9

package telemetry

import (
	"bytes"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

func TestSyslogGetsLevelAndFacility(t *testing.T) {
	address := filepath.Join(t.TempDir(), "log")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	_ = socket.SetReadDeadline(time.Now().Add(10 * time.Second))

	var out bytes.Buffer
	settings := config.Logging{Level: "DEBUG", Format: "logstash", Syslog: true, Stdout: true, SyslogFacility: "local5", Set: true}
	format := formatOf(settings)
	system, err := newSystem("unixgram", address, settings.SyslogFacility, format)
	if err != nil {
		t.Fatal(err)
	}
	l := slog.New(both(settings, format(&out), system, nil)).With("a", 1).WithGroup("g")
	for level, severity := range map[slog.Level]string{
		slog.LevelDebug: "<175>", slog.LevelInfo: "<174>", slog.LevelWarn: "<172>", slog.LevelError: "<171>", LevelCritical: "<170>",
	} {
		l.Log(t.Context(), level, "hello", "b", 2)
		datagram := make([]byte, 1<<10)
		n, err := socket.Read(datagram)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(datagram[:n]); !strings.HasPrefix(got, severity) || !strings.Contains(got, "gatemeter[") || !strings.Contains(got, `"message":"hello"`) ||
			!strings.HasSuffix(got, `"a":1,"g":{"b":2}}`+"\n") {
			t.Errorf("%v: got %q", level, got)
		}
	}
	if n := strings.Count(out.String(), "\n"); n != 5 {
		t.Errorf("standard output got %d lines", n)
	}
	settings.Stdout = false
	if both(settings, format(&out), system, nil) != system {
		t.Error("what is not to go to stdout does")
	}
}

func TestALogThatCannotReachSyslogSaysSo(t *testing.T) {
	var out bytes.Buffer
	settings := config.Logging{Level: "INFO", Syslog: true, Set: true}
	_, err := newSystem("unixgram", filepath.Join(t.TempDir(), "none"), "local3", formatOf(settings))
	if err == nil {
		t.Fatal("it was reached")
	}
	slog.New(both(settings, formatOf(settings)(&out), nil, err)).Info("hello")
	if !strings.Contains(out.String(), "level=ERROR msg=\"the system's log can't be reached") || !strings.Contains(out.String(), "msg=hello") {
		t.Errorf("got %s", out.String())
	}
}
