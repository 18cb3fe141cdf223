//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// cpuTime is the user and system time a process has used so far, to 10 ms.
func cpuTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, after, ok := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	if !ok || len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: not as expected", pid)
	}
	var ticks int64
	for _, f := range fields[11:13] { // utime and stime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// resident is what a process holds of the machine's memory, in bytes.
type resident struct {
	all       int64 // VmRSS
	anonymous int64 // RssAnon: what is not the binary's own pages
}

func readResident(pid int) (resident, error) {
	name := fmt.Sprintf("/proc/%d/status", pid)
	status, err := os.ReadFile(name)
	if err != nil {
		return resident{}, err
	}
	var r resident
	for line := range bytes.Lines(status) {
		key, value, _ := strings.Cut(string(line), ":")
		kib, _ := strings.CutSuffix(strings.TrimSpace(value), " kB")
		n, err := strconv.ParseInt(kib, 10, 64)
		switch {
		case err != nil: // not one of ours
		case key == "VmRSS":
			r.all = n << 10
		case key == "RssAnon":
			r.anonymous = n << 10
		}
	}
	if r.all == 0 {
		return resident{}, fmt.Errorf("%s: no VmRSS: has the process ended", name)
	}
	return r, nil
}

// loadAverage is how busy the machine was in the last minute, in processes.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// cpuModel is what the machine calls its processor.
func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(text)) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}
