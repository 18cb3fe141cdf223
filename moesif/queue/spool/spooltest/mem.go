// Package spooltest is a directory in memory for tests of what is kept on disk:
// it fails, and dies, whenever the test likes.
package spooltest

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/gatemeter/gatemeter/moesif/queue/spool"
)

// Errors of a Mem.
var (
	ErrDisk    = errors.New("input/output error")
	ErrCrashed = errors.New("the process is dead")
)

// Mem is a directory in memory. The zero Mem is empty. Its methods may be called
// by anybody.
type Mem struct {
	mu      sync.Mutex
	fail    func(n int, op string) error
	ops     int
	files   map[string]*content
	lasting map[string]*content // the directory as it was synced
	locked  bool
	dead    bool
}

// Dead reports whether the process has ended.
func (m *Mem) Dead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

type content struct {
	data   []byte
	synced []byte // as it was synced
}

var _ spool.FS = (*Mem)(nil)

// Fail has f asked before each operation from now on; the first of all was
// number 1. An error fails it: a write is done in part.
func (m *Mem) Fail(f func(n int, op string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = f
}

// do counts an operation and asks fail. The caller holds mu.
func (m *Mem) do(op string) error {
	if m.dead {
		return ErrCrashed
	}
	m.ops++
	if m.fail == nil {
		return nil
	}
	err := m.fail(m.ops, op)
	m.dead = m.dead || errors.Is(err, ErrCrashed)
	return err
}

// Ops is the number of operations so far.
func (m *Mem) Ops() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ops
}

// Kill ends the process: every operation fails from now on.
func (m *Mem) Kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
}

// Restart is the directory as the next process finds it.
func (m *Mem) Restart() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := &Mem{files: map[string]*content{}}
	for name, c := range m.files {
		next.files[name] = &content{slices.Clone(c.data), slices.Clone(c.synced)}
	}
	next.lasting = maps.Clone(next.files)
	return next
}

// PowerCut is Restart after the power failed: of what was not synced, rnd says
// what is there.
func (m *Mem) PowerCut(rnd *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	from := m.files
	if rnd.IntN(2) == 0 {
		from = m.lasting
	}
	next := &Mem{files: map[string]*content{}}
	for _, name := range slices.Sorted(maps.Keys(from)) {
		c := from[name]
		data := slices.Clone(c.synced)
		if tail := len(c.data) - len(data); tail > 0 {
			more := slices.Clone(c.data[len(data):])[:rnd.IntN(tail+1)]
			if len(more) > 0 && rnd.IntN(2) == 0 {
				clear(more[rnd.IntN(len(more)):])
			}
			data = append(data, more...)
		}
		next.files[name] = &content{data, slices.Clone(data)}
	}
	next.lasting = maps.Clone(next.files)
	return next
}

// Files are the contents of all files, for the test to read and to change.
func (m *Mem) Files() map[string][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string][]byte{}
	for name, c := range m.files {
		out[name] = slices.Clone(c.data)
	}
	return out
}

// Put sets the content of a file.
func (m *Mem) Put(name string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files == nil {
		m.files = map[string]*content{}
	}
	m.files[name] = &content{slices.Clone(data), slices.Clone(data)}
}

// Lock locks the directory.
func (m *Mem) Lock() (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.do("lock"); err != nil {
		return nil, err
	}
	if m.locked {
		return nil, spool.ErrLocked
	}
	m.locked = true
	return unlock{m}, nil
}

type unlock struct{ m *Mem }

func (u unlock) Close() error {
	u.m.mu.Lock()
	defer u.m.mu.Unlock()
	u.m.locked = false
	return nil
}

// List returns the names of the files.
func (m *Mem) List() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.do("list"); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(m.files)), nil
}

// Create makes a file.
func (m *Mem) Create(name string) (spool.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.do("create"); err != nil {
		return nil, err
	}
	if m.files[name] != nil {
		return nil, fs.ErrExist
	}
	if m.files == nil {
		m.files = map[string]*content{}
	}
	m.files[name] = &content{}
	return handle{m, m.files[name]}, nil
}

// Open opens a file that is there.
func (m *Mem) Open(name string) (spool.Reader, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.do("open"); err != nil {
		return nil, err
	}
	if m.files[name] == nil {
		return nil, fs.ErrNotExist
	}
	return handle{m, m.files[name]}, nil
}

// Remove deletes a file.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.do("remove"); err != nil {
		return err
	}
	if m.files[name] == nil {
		return fs.ErrNotExist
	}
	delete(m.files, name)
	return nil
}

// Sync makes what files there are last.
func (m *Mem) Sync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.do("sync directory"); err != nil {
		return err
	}
	m.lasting = maps.Clone(m.files)
	return nil
}

type handle struct {
	m *Mem
	c *content
}

func (h handle) WriteAt(b []byte, at int64) (int, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if h.m.dead {
		return 0, ErrCrashed
	}
	err := h.m.do("write")
	if err != nil {
		b = b[:len(b)*(h.m.ops%4)/4]
	}
	if end := at + int64(len(b)); end > int64(len(h.c.data)) {
		h.c.data = append(h.c.data, make([]byte, end-int64(len(h.c.data)))...)
	}
	return copy(h.c.data[at:], b), err
}

func (h handle) ReadAt(b []byte, at int64) (int, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if err := h.m.do("read"); err != nil {
		return 0, err
	}
	if at >= int64(len(h.c.data)) {
		return 0, io.EOF
	}
	n := copy(b, h.c.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h handle) Truncate(size int64) error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if err := h.m.do("truncate"); err != nil {
		return err
	}
	h.c.data = h.c.data[:min(size, int64(len(h.c.data)))]
	return nil
}

func (h handle) Sync() error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if err := h.m.do("sync"); err != nil {
		return err
	}
	h.c.synced = slices.Clone(h.c.data)
	return nil
}

func (h handle) Size() (int64, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return int64(len(h.c.data)), nil
}

func (h handle) Close() error { return nil }
