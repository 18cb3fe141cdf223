//go:build linux

package main

import (
	"encoding/base64"
	"math/rand/v2"
	"strconv"
	"time"
)

// callers bounds the numbers of the users and of the companies that the traffic
// comes from. The first of them are in the cohorts of the collector's rules.
const callers = 120_000

// exchanges invents requests and answers like those of a shop: no two are alike,
// and all together are about as compressible as real ones.
type exchanges struct {
	rnd     *rand.Rand
	now     time.Time
	items   int // in an answer
	scratch []byte
}

// Items of an answer of about 1 KB, and of one that makes events of about 1.5 KB.
const (
	usualItems = 7
	queueItems = 4
)

func newExchanges(seed uint64, items int) *exchanges {
	return &exchanges{rnd: rand.New(rand.NewPCG(seed, seed)), now: time.Now().UTC().Truncate(time.Second), items: items}
}

func (e *exchanges) pick(from []string) string { return from[e.rnd.IntN(len(from))] }

// request appends a whole request for path; posts is the percentage of those with
// a body.
func (e *exchanges) request(dst []byte, path, token string, posts int) []byte {
	post := e.rnd.IntN(100) < posts
	if post {
		dst = append(dst, "POST "...)
	} else {
		dst = append(dst, "GET "...)
	}
	dst = append(dst, path...)
	dst = append(dst, "?company="...)
	dst = appendCompany(dst, e.rnd.IntN(callers))
	dst = append(dst, "&q="...)
	dst = append(dst, e.pick(nouns)...)
	dst = append(dst, "&page="...)
	dst = strconv.AppendInt(dst, 1+e.rnd.Int64N(40), 10)
	dst = append(dst, " HTTP/1.1\r\nHost: shop.example\r\nAccept: application/json\r\nUser-Agent: "...)
	dst = append(dst, e.pick(agents)...)
	dst = append(dst, "\r\nAuthorization: "...)
	if token != "" {
		dst = append(append(dst, "Bearer "...), token...)
	} else {
		e.scratch = append(appendUser(e.scratch[:0], e.rnd.IntN(callers)), ":x"...)
		dst = base64.StdEncoding.AppendEncode(append(dst, "Basic "...), e.scratch)
	}
	dst = append(dst, "\r\nX-Api-Key: "...)
	dst = e.hex(dst, 24)
	if !post {
		return append(dst, "\r\n\r\n"...)
	}
	e.scratch = e.form(e.scratch[:0])
	dst = append(dst, "\r\nContent-Type: application/json\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(e.scratch)), 10)
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, e.scratch...)
}

func appendUser(dst []byte, n int) []byte {
	return strconv.AppendInt(append(dst, "user-"...), int64(n), 10)
}
func appendCompany(dst []byte, n int) []byte {
	return strconv.AppendInt(append(dst, "co-"...), int64(n), 10)
}

// form appends a request's body of about 200 bytes.
func (e *exchanges) form(dst []byte) []byte {
	dst = append(dst, `{"item":{"sku":"`...)
	dst = e.sku(dst)
	dst = append(dst, `","quantity":`...)
	dst = strconv.AppendInt(dst, 1+e.rnd.Int64N(9), 10)
	dst = append(dst, `},"note":"`...)
	dst = e.words(dst, 8)
	dst = append(dst, `","login":{"name":"`...)
	dst = append(dst, e.pick(names1)...)
	dst = append(dst, `","password":"`...)
	dst = e.hex(dst, 12)
	dst = append(dst, `"},"deliver_by":"`...)
	dst = e.time(dst)
	return append(dst, `"}`...)
}

// answer appends an answer's body: an order, a list of customers, or what a search
// has found.
func (e *exchanges) answer(dst []byte) []byte {
	switch e.rnd.IntN(3) {
	case 0:
		return e.order(dst)
	case 1:
		return e.people(dst)
	}
	return e.found(dst)
}

func (e *exchanges) order(dst []byte) []byte {
	dst = append(dst, `{"id":"`...)
	dst = e.id(dst)
	dst = append(dst, `","created_at":"`...)
	dst = e.time(dst)
	dst = append(dst, `","status":"`...)
	dst = append(dst, e.pick(states)...)
	dst = append(dst, `","customer":`...)
	dst = e.person(dst)
	dst = append(dst, `,"lines":[`...)
	for i := range e.items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"sku":"`...)
		dst = e.sku(dst)
		dst = append(dst, `","name":"`...)
		dst = e.words(dst, 3)
		dst = append(dst, `","quantity":`...)
		dst = strconv.AppendInt(dst, 1+e.rnd.Int64N(9), 10)
		dst = append(dst, `,"price":"`...)
		dst = e.money(dst)
		dst = append(dst, `"}`...)
	}
	dst = append(dst, `],"total":"`...)
	dst = e.money(dst)
	dst = append(dst, `","note":"`...)
	dst = e.words(dst, 24)
	return append(dst, `"}`...)
}

func (e *exchanges) people(dst []byte) []byte {
	dst = append(dst, `{"customers":[`...)
	for i := range e.items - 1 {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.person(dst)
	}
	dst = append(dst, `],"next":"`...)
	dst = e.hex(dst, 20)
	return append(dst, `"}`...)
}

func (e *exchanges) person(dst []byte) []byte {
	first, last := e.pick(names1), e.pick(names2)
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendInt(dst, e.rnd.Int64N(10_000_000), 10)
	dst = append(dst, `,"name":"`...)
	dst = append(dst, first...)
	dst = append(dst, ' ')
	dst = append(dst, last...)
	dst = append(dst, `","email":"`...)
	dst = append(dst, first...)
	dst = append(dst, '.')
	dst = append(dst, last...)
	dst = append(dst, `@mail.example","city":"`...)
	dst = append(dst, e.pick(cities)...)
	dst = append(dst, `","iban":"DE`...)
	dst = strconv.AppendInt(dst, 1e17+e.rnd.Int64N(8e17), 10)
	dst = append(dst, `","since":"`...)
	dst = e.time(dst)
	dst = append(dst, `","vip":`...)
	dst = strconv.AppendBool(dst, e.rnd.IntN(10) == 0)
	return append(dst, '}')
}

func (e *exchanges) found(dst []byte) []byte {
	dst = append(dst, `{"took_ms":`...)
	dst = strconv.AppendInt(dst, e.rnd.Int64N(300), 10)
	dst = append(dst, `,"hits":[`...)
	for i := range e.items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"id":"`...)
		dst = e.sku(dst)
		dst = append(dst, `","title":"`...)
		dst = e.words(dst, 4)
		dst = append(dst, `","score":`...)
		dst = strconv.AppendFloat(dst, e.rnd.Float64()*20, 'f', 4, 64)
		dst = append(dst, `,"text":"`...)
		dst = e.words(dst, 11)
		dst = append(dst, `"}`...)
	}
	return append(dst, `]}`...)
}

func (e *exchanges) words(dst []byte, n int) []byte {
	for i := range n {
		if i > 0 {
			dst = append(dst, ' ')
		}
		if i%2 == 0 {
			dst = append(dst, e.pick(adjectives)...)
			continue
		}
		dst = append(dst, e.pick(nouns)...)
	}
	return dst
}

func (e *exchanges) sku(dst []byte) []byte {
	dst = append(dst, byte('A'+e.rnd.IntN(26)), byte('A'+e.rnd.IntN(26)), '-')
	return strconv.AppendInt(dst, 1000+e.rnd.Int64N(9000), 10)
}

func (e *exchanges) money(dst []byte) []byte {
	cents := e.rnd.Int64N(100_000)
	dst = strconv.AppendInt(dst, cents/100, 10)
	return append(dst, '.', byte('0'+cents/10%10), byte('0'+cents%10))
}

func (e *exchanges) time(dst []byte) []byte {
	return e.now.Add(-time.Duration(e.rnd.Int64N(30*86400))*time.Second).AppendFormat(dst, time.RFC3339)
}

// id appends one like a UUID.
func (e *exchanges) id(dst []byte) []byte {
	for i, n := range [...]int{8, 4, 4, 4, 12} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = e.hex(dst, n)
	}
	return dst
}

// hex appends n digits.
func (e *exchanges) hex(dst []byte, n int) []byte {
	const digits = "0123456789abcdef"
	for ; n > 0; n -= 16 {
		bits := e.rnd.Uint64()
		for range min(n, 16) {
			dst = append(dst, digits[bits&15])
			bits >>= 4
		}
	}
	return dst
}
