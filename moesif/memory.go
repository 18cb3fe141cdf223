package moesif

import (
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// maxQueueBytes is the most that the default of event_queue_bytes takes.
const maxQueueBytes = 1 << 30

// defaultQueueBytes is a quarter of the memory this process may use, at most 1 GiB.
func defaultQueueBytes() int64 {
	return min(memoryLimit(os.DirFS("/"), debug.SetMemoryLimit(-1))/4, maxQueueBytes)
}

// memoryLimit is the least of GOMEMLIMIT, the limits of the process's cgroups
// (version 2 with every ancestor, version 1) and the machine's memory, in bytes.
// What cannot be read limits nothing; when nothing limits, 1 GiB is assumed.
func memoryLimit(root fs.FS, goLimit int64) int64 {
	limit := int64(math.MaxInt64)
	take := func(n int64) {
		if n > 0 {
			limit = min(limit, n)
		}
	}
	take(goLimit)
	for line := range strings.Lines(readFile(root, "proc/self/cgroup")) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		switch {
		case controllers == "":
			for dir := path.Join("/", group); ; dir = path.Dir(dir) {
				take(number(readFile(root, path.Join("sys/fs/cgroup", dir, "memory.max"))))
				if dir == "/" {
					break
				}
			}
		case strings.Contains(","+controllers+",", ",memory,"):
			// Inside a container the path may be the host's, and the mount the group's own.
			take(number(readFile(root, path.Join("sys/fs/cgroup/memory", group, "memory.limit_in_bytes"))))
			take(number(readFile(root, "sys/fs/cgroup/memory/memory.limit_in_bytes")))
		}
	}
	for line := range strings.Lines(readFile(root, "proc/meminfo")) {
		if total, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			take(number(strings.TrimSuffix(strings.TrimSpace(total), " kB")) << 10)
		}
	}
	if limit == math.MaxInt64 {
		return maxQueueBytes
	}
	return limit
}

// readFile is the content of a file, "" when it cannot be read.
func readFile(root fs.FS, name string) string {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return ""
	}
	return string(data)
}

// number reads a count of bytes; "max" and whatever is none are 0.
func number(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
