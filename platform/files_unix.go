//go:build unix

package platform

import "syscall"

// connectionLimit leaves most file descriptors of the process to the stores when it
// has few.
func connectionLimit() int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur > 2*maxConnections {
		return maxConnections
	}
	return max(64, int(files.Cur/2)) // #nosec G115 -- small
}
