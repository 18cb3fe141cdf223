//go:build !unix

package platform

// connectionLimit is how many connections may be open at one time.
func connectionLimit() int { return maxConnections }
