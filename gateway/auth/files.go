package auth

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// readBounded reads a file of at most most bytes. The error names it.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := allOf(f, most)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}

var errTooLong = errors.New("is longer than what is read of it")

// allOf reads r, which must end within most bytes.
func allOf(r io.Reader, most int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(text)) > most {
		err = errTooLong
	}
	if err != nil {
		return nil, err
	}
	return text, nil
}
