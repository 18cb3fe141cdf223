package govern

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

const (
	cacheVersion = 1
	maxCache     = 2*maxDocument + 64<<10 // bytes
	saveEvery    = 10 * time.Second       // at most: customers may come and go all the time
)

// cache is the last good documents on disk: a JSON object, for the owner of the
// process only, replaced as a whole.
type cache struct {
	path    string
	owner   string // whose rules they are
	logger  *slog.Logger
	replace func(path string, parts ...[]byte) error

	config, rules [sha256.Size]byte // sums of what the file holds
	tried         time.Time         // the last write
	broken        bool              // it failed
}

// cached is the file. The documents are as they came; the tags save fetching them
// again when nothing has changed.
type cached struct {
	Version     int             `json:"version"`
	Application string          `json:"application"` // a hash: the id is a secret
	ConfigTag   string          `json:"config_tag"`
	ConfigETag  string          `json:"config_etag"`
	RulesTag    string          `json:"rules_tag"`
	RulesETag   string          `json:"rules_etag"`
	Config      json.RawMessage `json:"config,omitempty"`
	Rules       json.RawMessage `json:"rules,omitempty"`
}

// newCache returns the cache in the file at path. It is an error if a file could
// not be written there.
func newCache(path, applicationID string, logger *slog.Logger) (*cache, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file: name one", path)
	}
	probe, err := temporary(path)
	if err != nil {
		return nil, fmt.Errorf("name a file in a directory that can be written: %w", err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return nil, err
	}
	owner := sha256.Sum256([]byte("gatemeter rules of " + applicationID))
	return &cache{path: path, owner: hex.EncodeToString(owner[:16]), logger: logger, replace: replaceFile}, nil
}

// load returns what the file holds, if that is of any use.
func (c *cache) load() (p pair, ok bool) {
	p, err := c.read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return pair{}, false
	case err != nil:
		c.logger.Warn("moesif: the cache of rules is not used", slog.String("file", c.path), slog.Any("error", err))
		return pair{}, false
	}
	c.config, c.rules = p.config.sum, p.rules.sum
	return p, true
}

func (c *cache) read() (pair, error) {
	file, err := os.Open(c.path)
	if err != nil {
		return pair{}, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxCache+1))
	if err != nil {
		return pair{}, err
	}
	if len(data) > maxCache {
		return pair{}, fmt.Errorf("longer than %d bytes", maxCache)
	}
	return c.decode(data)
}

func (c *cache) decode(data []byte) (pair, error) {
	var f cached
	if err := json.Unmarshal(data, &f); err != nil {
		return pair{}, err
	}
	if f.Version != cacheVersion {
		return pair{}, fmt.Errorf("written by another version (%d, not %d)", f.Version, cacheVersion)
	}
	if f.Application != c.owner {
		return pair{}, errors.New("it has the rules of another application")
	}
	config, err := newDocument(answer{body: f.Config, etag: readTag(f.ConfigETag)}, readTag(f.ConfigTag), decodeConfig, true)
	if err != nil {
		return pair{}, err
	}
	rules, err := newDocument(answer{body: f.Rules, etag: readTag(f.RulesETag)}, readTag(f.RulesTag), wire.DecodeRules, true)
	return pair{config, rules}, err
}

// save writes what is held unless the file has it already, or was written less
// than this long ago. A write that fails is logged once, and tried again.
func (c *cache) save(p pair, every time.Duration) {
	if c == nil || p.config == nil || c.config == p.config.sum && c.rules == p.rules.sum {
		return
	}
	if !c.tried.IsZero() && time.Since(c.tried) < every {
		return
	}
	err := c.write(p)
	c.tried = time.Now()
	if (err != nil) != c.broken {
		c.broken = err != nil
		if c.broken {
			c.logger.Warn("moesif: the cache of rules can not be written", slog.Any("error", err))
		} else {
			c.logger.Info("moesif: the cache of rules is written again", slog.String("file", c.path))
		}
	}
	if err == nil {
		c.config, c.rules = p.config.sum, p.rules.sum
	}
}

func (c *cache) write(p pair) error {
	head, err := json.Marshal(cached{
		Version:     cacheVersion,
		Application: c.owner,
		ConfigTag:   p.config.tags.latest(),
		ConfigETag:  p.config.etag,
		RulesTag:    p.rules.tags.latest(),
		RulesETag:   p.rules.etag,
	})
	if err != nil {
		return err
	}
	config, err := p.config.raw.bytes()
	if err != nil {
		return err
	}
	rules, err := p.rules.raw.bytes()
	if err != nil {
		return err
	}
	return c.replace(c.path, head[:len(head)-1], []byte(`,"config":`), config, []byte(`,"rules":`), rules, []byte("}\n"))
}

// replaceFile puts a file with these contents at path. Whatever happens, there is
// either the old one or the new one.
func replaceFile(path string, parts ...[]byte) error {
	file, err := temporary(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(file)
	for _, part := range parts {
		if _, err = w.Write(part); err != nil {
			break
		}
	}
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // it is of no use any more
	}
	return err
}

// temporary makes a file beside path that only its owner can read.
func temporary(path string) (*os.File, error) {
	return os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
}
