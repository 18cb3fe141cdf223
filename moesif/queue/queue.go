package queue

import (
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/moesif/queue/spool"
)

// Options says how much a queue may hold and when it seals. Zero values take
// the defaults.
type Options struct {
	MaxEvents  int           // events held in memory, whatever their state; default 1,000,000
	MaxBytes   int64         // bytes held in memory, whatever their state; default 256 MiB
	BatchSize  int           // events per block, default 200
	FlushAfter time.Duration // age of the oldest event at which a partial block is sealed, default 2s
	Workers    int           // blocks encoded and sealed at a time; default half of GOMAXPROCS, from 1 to 4
	Logger     *slog.Logger  // told of losses, at most once a minute; default none
	Spool      Spool         // where events wait on disk; default nowhere
}

// Spool says where blocks that wait are kept on disk.
type Spool struct {
	Dir      string // of this queue alone, made if it is not there; "" for none
	MaxBytes int64  // taken by it, default 1 GiB
}

// maxBlockBytes bounds the raw bytes of the events of one block, well under
// what a collector takes in a batch (Moesif wire, 1.3).
const maxBlockBytes = 8 << 20

func (o *Options) fill() {
	if o.MaxEvents <= 0 {
		o.MaxEvents = 1_000_000
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 256 << 20
	}
	if o.BatchSize <= 0 {
		o.BatchSize = 200
	}
	o.BatchSize = min(o.BatchSize, o.MaxEvents) // else a full queue would wait for the timer
	if o.FlushAfter <= 0 {
		o.FlushAfter = 2 * time.Second
	}
	if o.Workers <= 0 {
		o.Workers = max(1, min(4, runtime.GOMAXPROCS(0)/2))
	}
	if o.Spool.MaxBytes <= 0 {
		o.Spool.MaxBytes = 1 << 30
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Queue holds events from capture to delivery. Items are put raw; a dispatcher
// groups them in the order of their arrival, workers seal the groups, and
// whoever delivers takes the blocks in the same order. All methods are safe for
// concurrent use. A queue has goroutines of its own until Close, with a spool
// until Save.
type Queue struct {
	o          Options
	blockBytes int64 // raw bytes at which a block is full

	// Written by every Put; nothing else on its path is shared.
	raw      stack
	bytes    atomic.Int64 // held: raw, being sealed, sealed, in flight
	admitted atomic.Int64 // events ever let in
	wakeAt   atomic.Int64 // depth of raw at which the dispatcher wants to know
	left     atomic.Int64 // events that are out again, as counted in books; written under mu

	refused [doors]atomic.Int64 // events not let in, by door

	wake    chan struct{} // capacity 1: raw has reached wakeAt
	flush   chan struct{} // capacity 1: seal what is there
	lost    chan struct{} // capacity 1: something was dropped or rejected
	closing chan struct{} // closed by Close, after last is set
	close   sync.Once
	last    *Node         // what was raw at Close
	workers chan struct{} // one token per worker at work

	mu    sync.Mutex
	moved sync.Cond // a block was sealed or returned, the dispatcher ended, or a Take gave up
	line  line      // under mu
	books books     // under mu

	began  time.Time
	keeper *keeper // nil without a spool
}

// now is the time since the queue began, never 0.
func (q *Queue) now() time.Duration { return time.Since(q.began) + 1 }

// Open returns a queue at work. With a spool, what it holds comes first. It is an
// error if the spool cannot be used: its directory cannot be written, another
// process uses it, or it was written by a newer version.
func Open(o Options) (*Queue, error) { return openIn(o, spool.Dir(o.Spool.Dir)) }

func openIn(o Options, dir spool.FS) (*Queue, error) {
	o.fill()
	q := &Queue{
		o:          o,
		blockBytes: min(maxBlockBytes, max(1, o.MaxBytes/8)),
		wake:       make(chan struct{}, 1),
		flush:      make(chan struct{}, 1),
		lost:       make(chan struct{}, 1),
		closing:    make(chan struct{}),
		workers:    make(chan struct{}, o.Workers),
		books:      newBooks(),
		began:      time.Now(),
	}
	q.moved.L = &q.mu
	q.wakeAt.Store(1)
	if o.Spool.Dir != "" {
		if err := q.recover(dir); err != nil {
			return nil, err
		}
		go q.keeper.run()
	}
	go q.dispatch()
	go q.report()
	return q, nil
}

// Put hands an item over and reports whether it was let in; what is not is
// counted as dropped: the queue is full of events or of bytes, or closed. It
// never waits: it takes no lock, and allocates nothing for an item that embeds
// a Node.
func (q *Queue) Put(it Item) bool {
	size := max(0, int64(it.Size()))
	if !q.reserve(size) {
		return q.refuse(fullBytes)
	}
	if !q.admit() {
		q.bytes.Add(-size)
		return q.refuse(fullEvents)
	}
	n := nodeOf(it)
	n.item, n.charge = it, size
	if !q.raw.push(n) {
		q.bytes.Add(-size)
		q.admitted.Add(-1)
		return q.refuse(closed)
	}
	// The dispatcher sets wakeAt and then looks at the depth; here it is the
	// other way round: one of the two sees that the depth was reached.
	if int64(n.depth) == q.wakeAt.Load() || n.sum >= q.blockBytes && n.sum-size < q.blockBytes {
		signal(q.wake)
	}
	return true
}

// Flush seals what has been put so far without waiting for its time. It does
// not wait for it to happen.
func (q *Queue) Flush() { signal(q.flush) }

// Close ends Put: what is there is sealed, and can be taken to the last block.
// It does not wait for that.
func (q *Queue) Close() {
	q.close.Do(func() {
		q.last = q.raw.shut()
		close(q.closing)
	})
}

// reserve charges n bytes if they fit.
func (q *Queue) reserve(n int64) bool {
	for {
		held := q.bytes.Load()
		if held+n > q.o.MaxBytes {
			return false
		}
		if q.bytes.CompareAndSwap(held, held+n) {
			return true
		}
	}
}

// admit counts one more event if it fits. What left between the two loads only
// makes room.
func (q *Queue) admit() bool {
	for {
		in := q.admitted.Load()
		if in-q.left.Load() >= int64(q.o.MaxEvents) {
			return false
		}
		if q.admitted.CompareAndSwap(in, in+1) {
			return true
		}
	}
}

func (q *Queue) refuse(d door) bool {
	q.refused[d].Add(1)
	signal(q.lost)
	return false
}

// signal leaves word in c, a channel of capacity 1.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
