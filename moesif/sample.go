package moesif

import "math/rand/v2"

// sampler leaves out calls so that each customer's sum of weights stays the number
// of its calls, to within one weight: calls are taken in strides of 100/rate, the
// remainder of the division carried to the next; one call of a stride, any of
// them, is reported with the stride's size as its weight.
//
// It belongs to the one goroutine that judges.
type sampler struct {
	recent, older map[customer]*stride // what is not used moves to older, then out
}

// customer is what strides are counted by.
type customer struct {
	user, company string
	rate          int
}

// stride is where a customer stands.
type stride struct {
	size      int
	left      int // calls of it still to come
	reported  int // value of left at the call that is reported
	remainder int // percent, carried to the next
}

// maxCustomers bounds the strides that are known at a time, twice. Whoever is
// forgotten begins anew: at most one weight is off.
const maxCustomers = 1 << 16

// weigh returns the weight to report the next call of c with; 0 leaves it out.
func (s *sampler) weigh(c customer) int {
	switch {
	case c.rate >= 100:
		return 1
	case c.rate <= 0:
		return 0
	}
	return s.stride(c).next(c.rate)
}

func (s *sampler) stride(c customer) *stride {
	if known := s.recent[c]; known != nil {
		return known
	}
	if len(s.recent) >= maxCustomers || s.recent == nil {
		s.older, s.recent = s.recent, make(map[customer]*stride)
	}
	known := s.older[c]
	if known == nil {
		known = new(stride)
	}
	s.recent[c] = known
	return known
}

func (s *stride) next(rate int) (weight int) {
	if s.left == 0 {
		percent := 100 + s.remainder
		s.size, s.remainder = percent/rate, percent%rate
		s.left, s.reported = s.size, rand.IntN(s.size) // #nosec G404 -- fair, not secret
	}
	s.left--
	if s.left != s.reported {
		return 0
	}
	return s.size
}
