package queue

import "time"

// group is a run of items that will be one block.
type group struct {
	first, last *Node   // those that are raw, behind the ones in encoded
	encoded     *sealer // nil: none
	events      int     // all of them
	bytes       int64   // charged for them
}

func (g *group) add(n *Node) {
	if g.first == nil {
		g.first = n
	} else {
		g.last.next = n
	}
	g.last = n
	g.events++
	g.bytes += n.charge
}

// encode encodes the raw items.
func (g *group) encode() {
	if g.first == nil {
		return
	}
	if g.encoded == nil {
		g.encoded = newSealer()
	}
	for n := g.first; n != nil; {
		next := n.next
		n.next = nil
		g.encoded.add(n.item)
		n = next
	}
	g.first, g.last = nil, nil
}

// gatherFor is how long the dispatcher lets events come together before it encodes
// them: not each by itself, which costs a wake-up, and not all that make a block at
// once, for which a request would have to wait where there is one processor.
const gatherFor = time.Millisecond

// dispatcher turns what was put into groups, and groups into blocks. It alone
// empties the stack. The group that is not full it encodes as its events arrive,
// so that the work for a block does not come all at once; full ones, when there
// is much to do, are left to workers. When all workers are busy it waits for one,
// and what is put meanwhile stays in the stack, bounded like everything else.
type dispatcher struct {
	q      *Queue
	open   group     // not full yet
	due    time.Time // when open is sealed as it is
	gather time.Time // when what has been put since is collected; zero: nothing has
	timer  *time.Timer
}

func (q *Queue) dispatch() {
	d := &dispatcher{q: q, timer: time.NewTimer(time.Hour)}
	defer d.timer.Stop()
	for {
		d.sleep()
		select {
		case <-q.wake:
			d.woken()
		case <-q.flush:
			d.collect(q.raw.take())
			d.seal()
		case <-d.timer.C:
			d.collect(q.raw.take())
			if d.open.events > 0 && !time.Now().Before(d.due) {
				d.seal()
			}
		case <-q.closing:
			d.collect(q.last)
			d.seal()
			q.endOfLine()
			return
		}
	}
}

// woken begins to gather, or collects at once what fills a block.
func (d *dispatcher) woken() {
	if d.gather.IsZero() && !d.isFull() {
		now := time.Now()
		d.gather = now.Add(gatherFor)
		if d.open.events == 0 {
			d.due = now.Add(d.q.o.FlushAfter)
		}
		return
	}
	d.collect(d.q.raw.take())
}

// isFull reports whether what was put fills a block.
func (d *dispatcher) isFull() bool {
	n, bytes := d.q.raw.depth()
	return d.open.events+n >= d.q.o.BatchSize || d.open.bytes+bytes >= d.q.blockBytes
}

// sleep sets what wakes the dispatcher: the next event, or while it gathers the
// one that fills the open group, or the time.
func (d *dispatcher) sleep() {
	wakeAt := 1
	at := d.due
	if !d.gather.IsZero() {
		wakeAt = d.q.o.BatchSize - d.open.events
		at = d.gather
		if d.due.Before(at) {
			at = d.due
		}
	}
	if d.open.events > 0 || !d.gather.IsZero() {
		d.timer.Reset(time.Until(at))
	} else {
		d.timer.Stop()
	}
	d.q.wakeAt.Store(int64(wakeAt))
	if n, _ := d.q.raw.depth(); n >= wakeAt { // put before wakeAt was set
		signal(d.q.wake)
	}
}

// collect groups items and seals every group that is full. The age of a group
// counts from when its first event woke the dispatcher.
func (d *dispatcher) collect(n *Node) {
	woken := !d.gather.IsZero()
	d.gather = time.Time{}
	if n == nil {
		return
	}
	now := time.Now()
	var out outcome
	for n != nil {
		next := n.next
		n.next = nil
		verdict, ok := judge(n.item)
		switch {
		case !ok:
			out.broken++
			out.bytes += n.charge
		case verdict != Report:
			out.skipped++
			if verdict == Sample {
				out.sampled++
			}
			out.bytes += n.charge
		default:
			d.open.add(n)
			if d.open.events == 1 && !woken {
				d.due = now.Add(d.q.o.FlushAfter)
			}
			woken = false
			if d.open.events >= d.q.o.BatchSize || d.open.bytes >= d.q.blockBytes {
				d.seal()
			}
		}
		n = next
	}
	d.open.encode()
	if out.skipped+out.broken > 0 {
		d.q.mu.Lock()
		d.q.settle(out)
		d.q.mu.Unlock()
	}
}

// seal gives the open group its place in the line and hands it to a worker.
func (d *dispatcher) seal() {
	if d.open.events == 0 {
		return
	}
	g := d.open
	d.open = group{}
	b := d.q.enqueue()
	d.q.workers <- struct{}{}
	go func() {
		defer func() { <-d.q.workers }()
		d.q.fill(b, g)
	}()
}

// judge asks the item what becomes of it; ok is false when it panicked.
func judge(it Item) (v Verdict, ok bool) {
	defer func() {
		if !ok {
			_ = recover() // counted by the caller: the host goes on
		}
	}()
	return it.Judge(), true
}
