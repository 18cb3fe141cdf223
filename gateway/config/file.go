package config

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// smallFile reads a file that the configuration names, of at most most bytes.
func smallFile(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New(path + " is not a file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s is too long: at most %d bytes are allowed", path, most)
	}
	return text, err
}
