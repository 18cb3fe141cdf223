package moesif

import (
	"math"
	"testing"
	"testing/fstest"
)

func TestMemoryLimitIsTheLeastThatIsSet(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	meminfo := file("MemFree: 5 kB\nMemTotal:       8388608 kB\n")
	tests := []struct {
		name    string
		root    fstest.MapFS
		goLimit int64
		want    int64
	}{
		{"the machine", fstest.MapFS{"proc/meminfo": meminfo}, math.MaxInt64, 8 << 30},
		{"GOMEMLIMIT", fstest.MapFS{"proc/meminfo": meminfo}, 100, 100},
		{"version 2, an ancestor", fstest.MapFS{
			"proc/meminfo": meminfo, "proc/self/cgroup": file("0::/a/b\n"),
			"sys/fs/cgroup/a/b/memory.max": file("max\n"), "sys/fs/cgroup/a/memory.max": file("500\n"), "sys/fs/cgroup/memory.max": file("900\n"),
		}, math.MaxInt64, 500},
		{"version 2, the root of a namespace", fstest.MapFS{
			"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("900\n"),
		}, math.MaxInt64, 900},
		{"version 1, nested", fstest.MapFS{
			"proc/meminfo": meminfo, "proc/self/cgroup": file("5:cpu,cpuacct:/x\n4:memory:/docker/abc\n"),
			"sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": file("700\n"),
		}, math.MaxInt64, 700},
		{"version 1, the host's path", fstest.MapFS{
			"proc/meminfo": meminfo, "proc/self/cgroup": file("4:memory:/docker/abc\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("800\n"),
		}, math.MaxInt64, 800},
		{"version 1 without a limit", fstest.MapFS{
			"proc/meminfo": meminfo, "proc/self/cgroup": file("4:memory:/\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n"),
		}, math.MaxInt64, 8 << 30},
		{"nothing known", fstest.MapFS{}, math.MaxInt64, 1 << 30},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := memoryLimit(tt.root, tt.goLimit); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestDefaultQueueBytesIsPositiveAndBounded(t *testing.T) {
	if got := defaultQueueBytes(); got <= 0 || got > maxQueueBytes {
		t.Errorf("got %d", got)
	}
}
