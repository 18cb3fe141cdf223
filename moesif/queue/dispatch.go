package queue

import "time"

// group is a run of raw items that will be one block.
type group struct {
	first, last *Node
	events      int
	bytes       int64 // charged for them
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

// dispatcher turns what was put into groups, and groups into blocks. It alone
// empties the stack. When all workers are busy it waits for one, and what is put
// meanwhile stays in the stack, bounded like everything else.
type dispatcher struct {
	q     *Queue
	open  group     // not full yet
	due   time.Time // when open is sealed as it is
	timer *time.Timer
}

func (q *Queue) dispatch() {
	d := &dispatcher{q: q, timer: time.NewTimer(time.Hour)}
	defer d.timer.Stop()
	for {
		d.sleep()
		select {
		case <-q.wake:
			d.collect(q.raw.take())
		case <-q.flush:
			d.collect(q.raw.take())
			d.seal()
		case <-d.timer.C:
			d.collect(q.raw.take())
			d.seal()
		case <-q.closing:
			d.collect(q.last)
			d.seal()
			q.endOfLine()
			return
		}
	}
}

// sleep sets what wakes the dispatcher: the first event when there is none, else
// the event that fills the open group, or its time.
func (d *dispatcher) sleep() {
	wakeAt := 1
	if d.open.events > 0 {
		wakeAt = d.q.o.BatchSize - d.open.events
		d.timer.Reset(time.Until(d.due))
	} else {
		d.timer.Stop()
	}
	d.q.wakeAt.Store(int64(wakeAt))
	if d.q.raw.depth() >= wakeAt { // put before wakeAt was set
		signal(d.q.wake)
	}
}

// collect groups items and seals every group that is full. The age of a group
// counts from here: whoever puts the first event of a group wakes the dispatcher.
func (d *dispatcher) collect(n *Node) {
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
			if d.open.events == 1 {
				d.due = now.Add(d.q.o.FlushAfter)
			}
			if d.open.events >= d.q.o.BatchSize || d.open.bytes >= d.q.blockBytes {
				d.seal()
			}
		}
		n = next
	}
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
