//go:build !unix

package http1

// reuses is false where a connection can't be looked at before it is used again:
// http.Transport, which reads ahead, does all the work there.
const reuses = false

func (c *conn) watch() {}

func (c *conn) alive() bool { return false }
