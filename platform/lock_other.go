//go:build !unix

package platform

import (
	"errors"
	"os"
)

var errLocked = errors.New("it is locked")

// lockFile only makes the file: the journal holds a lock of its own on its
// directory, which such systems have to make do with.
func lockFile(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return f.Close, nil
}
