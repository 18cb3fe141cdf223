package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
)

// Contents are what Open found.
type Contents struct {
	Blocks  []Found // in the order of arrival
	LastSeq uint64  // the greatest that was ever used, as far as can be told
	Damaged int64   // events of blocks that are damaged
}

// Found is a block that is not settled.
type Found struct {
	Block // without Data
	Place Place
	Left  []Run // of its events, those that are not settled
}

// Run is a run of a block's events.
type Run struct{ From, Events int }

// Open opens the spool in a directory, and reads all that is there: it takes
// about a second per GiB. It survives damaged files; what is skipped is logged.
// It is an error if the directory cannot be used, is used by another process, or
// has a file of a newer format.
func Open(dir FS, maxBytes int64, logger *slog.Logger) (*Log, *Contents, error) {
	lock, err := dir.Lock()
	if err != nil {
		return nil, nil, err
	}
	l := &Log{fs: dir, lock: lock, max: maxBytes, segmentBytes: segmentBytes(maxBytes)}
	c, err := l.recover(logger)
	if err != nil {
		return nil, nil, errors.Join(err, lock.Close())
	}
	return l, c, nil
}

// recovery collects what is in the segments.
type recovery struct {
	blocks  map[uint64]*Found
	notes   map[uint64][]Run
	damaged map[uint64]int64 // events
	last    uint64
}

func (l *Log) recover(logger *slog.Logger) (*Contents, error) {
	names, err := l.fs.List()
	if err != nil {
		return nil, err
	}
	numbers := map[*segment]uint64{}
	for _, name := range names {
		if number, salt, ok := parseName(name); ok {
			s := &segment{name: name, salt: salt}
			numbers[s] = number
			l.segments = append(l.segments, s)
			l.number = max(l.number, number)
		}
	}
	slices.SortFunc(l.segments, func(a, b *segment) int {
		return cmp.Or(cmp.Compare(numbers[a], numbers[b]), cmp.Compare(a.salt, b.salt))
	})
	r := recovery{blocks: map[uint64]*Found{}, notes: map[uint64][]Run{}, damaged: map[uint64]int64{}}
	for _, s := range l.segments {
		if err := l.load(s, &r, logger); err != nil {
			return nil, err
		}
	}
	if len(l.segments) > 0 {
		if err := l.fs.Sync(); err != nil {
			return nil, fmt.Errorf("sync: %w", err)
		}
	}
	c := r.contents()
	for _, b := range c.Blocks {
		b.Place.segment.live++
	}
	l.owed = int64(len(c.Blocks))
	return c, nil
}

// load reads one segment.
func (l *Log) load(s *segment, r *recovery, logger *slog.Logger) error {
	f, err := l.fs.Open(s.name)
	if err != nil {
		s.kept = true
		logger.Warn("moesif: a file of the spool cannot be read, it is left alone", slog.String("file", s.name), slog.Any("error", err))
		return nil
	}
	defer f.Close()
	size, err := f.Size()
	var d damage
	events := int64(0)
	if err == nil {
		s.size, s.committed = size, size
		l.size.Add(size)
		d, err = scan(f, size, s.salt, func(h header, at int64, whole bool) {
			r.last = max(r.last, h.seq)
			switch {
			case h.kind == kindNote:
				r.notes[h.seq] = append(r.notes[h.seq], Run{int(h.from), int(h.events)})
			case !whole:
				r.damaged[h.seq] = int64(h.events)
				events += int64(h.events)
			case r.blocks[h.seq] == nil:
				r.blocks[h.seq] = &Found{
					Block: Block{Seq: h.seq, Events: int(h.events), Gzip: int(h.gzip)},
					Place: Place{segment: s, at: at, size: h.size()},
				}
			}
		})
	}
	if err == nil {
		err = f.Sync() // it may have been written, and not synced, just before a crash
	}
	var newer errVersion
	if errors.As(err, &newer) {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	if err != nil {
		s.kept = true
		logger.Warn("moesif: a file of the spool cannot be read to its end and synced, it is left alone", slog.String("file", s.name), slog.Any("error", err))
	}
	if d.bytes > 0 {
		logger.Warn("moesif: a part of the spool is damaged and skipped", slog.String("file", s.name),
			slog.Int64("offset", d.at), slog.Int64("bytes", d.bytes), slog.Int64("events_known_of", events))
	}
	return nil
}

// contents puts together what was found.
func (r *recovery) contents() *Contents {
	c := &Contents{LastSeq: r.last}
	for seq, b := range r.blocks {
		if b.Left = without(b.Events, r.notes[seq]); len(b.Left) > 0 {
			c.Blocks = append(c.Blocks, *b)
		}
		delete(r.damaged, seq)
	}
	for seq, events := range r.damaged {
		for _, run := range without(int(events), r.notes[seq]) {
			c.Damaged += int64(run.Events)
		}
	}
	slices.SortFunc(c.Blocks, func(a, b Found) int { return cmp.Compare(a.Seq, b.Seq) })
	return c
}

// without is what is left of n events.
func without(n int, settled []Run) (left []Run) {
	slices.SortFunc(settled, func(a, b Run) int { return cmp.Compare(a.From, b.From) })
	at := 0
	for _, s := range settled {
		if from := min(s.From, n); from > at {
			left = append(left, Run{at, from - at})
		}
		at = max(at, s.From+s.Events)
	}
	if at < n {
		left = append(left, Run{at, n - at})
	}
	return left
}

// gone tells a file that is not there from one that cannot be opened now.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}
