package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Fingerprint tells whether what Load reads at path has changed: the file and, with
// flexible configuration, what is in its folders. A file that can't be read has a
// fingerprint too.
func Fingerprint(path string, env func(string) (string, bool)) string {
	sum := sha256.New()
	add := func(file string) {
		data, err := os.ReadFile(file) // #nosec G304 -- the operator names it
		fmt.Fprintf(sum, "%q %d %v\n", file, len(data), err)
		_, _ = sum.Write(data) // a hash takes everything
	}
	add(path)
	if on, _ := env("FC_ENABLE"); on != "" {
		for _, variable := range []string{"FC_SETTINGS", "FC_PARTIALS", "FC_TEMPLATES"} {
			folder, _ := env(variable)
			if folder == "" {
				continue
			}
			_ = filepath.WalkDir(folder, func(file string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					add(file)
				}
				return nil
			})
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}
