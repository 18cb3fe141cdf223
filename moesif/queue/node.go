package queue

import "sync/atomic"

// Node is what links an item into the queue. A type that embeds a Node is put
// without an allocation; it can then be put once, and must not be copied
// afterwards. Any other item gets a Node of its own.
type Node struct {
	next   *Node
	item   Item
	charge int64 // bytes held by the item
	depth  int   // items in the stack up to and including this one
	sum    int64 // of their charges
}

func (n *Node) node() *Node { return n }

// linked is an item that embeds a Node.
type linked interface{ node() *Node }

func nodeOf(it Item) *Node {
	if l, ok := it.(linked); ok {
		return l.node()
	}
	return new(Node)
}

// shut is the head of a stack that takes no more items.
var shut = new(Node)

// stack is a lock-free stack that many push to and one empties. Only whole
// stacks are taken off, so a node never comes back under the same head (no ABA).
type stack struct{ head atomic.Pointer[Node] }

// push puts n on top and reports false when the stack is shut.
func (s *stack) push(n *Node) bool {
	for {
		old := s.head.Load()
		if old == shut {
			return false
		}
		n.next, n.depth, n.sum = old, 1, n.charge
		if old != nil {
			n.depth, n.sum = old.depth+1, old.sum+n.charge
		}
		if s.head.CompareAndSwap(old, n) {
			return true
		}
	}
}

// take empties the stack and returns what was in it, in the order of arrival.
func (s *stack) take() *Node {
	for {
		old := s.head.Load()
		if old == nil || old == shut {
			return nil
		}
		if s.head.CompareAndSwap(old, nil) {
			return reverse(old)
		}
	}
}

// shut takes what is left, in the order of arrival; every later push fails.
func (s *stack) shut() *Node {
	old := s.head.Swap(shut)
	if old == shut {
		return nil
	}
	return reverse(old)
}

// depth is the number of items in the stack, and the sum of their charges.
func (s *stack) depth() (items int, bytes int64) {
	if n := s.head.Load(); n != nil {
		return n.depth, n.sum // shut has none
	}
	return 0, 0
}

func reverse(n *Node) *Node {
	var first *Node
	for n != nil {
		n.next, first, n = first, n, n.next
	}
	return first
}
