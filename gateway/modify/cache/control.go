package cache

import (
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// directives are those of Cache-Control, names in lower case (RFC 9111, 5.2).
type directives map[string]string

func control(h http.Header) directives {
	var d directives
	for _, line := range h["Cache-Control"] {
		for line != "" {
			var part string
			part, line = cutList(line)
			name, value, _ := strings.Cut(part, "=")
			name = strings.ToLower(textproto.TrimString(name))
			if name == "" {
				continue
			}
			if d == nil {
				d = directives{}
			}
			if _, twice := d[name]; !twice { // the first of two counts (4.2.1)
				d[name] = strings.Trim(textproto.TrimString(value), `"`)
			}
		}
	}
	return d
}

// cutList cuts at the first comma outside quotes.
func cutList(line string) (part, rest string) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch {
		case quoted && line[i] == '\\':
			i++
		case line[i] == '"':
			quoted = !quoted
		case line[i] == ',' && !quoted:
			return line[:i], line[i+1:]
		}
	}
	return line, ""
}

func (d directives) has(name string) bool {
	_, ok := d[name]
	return ok
}

// seconds is the value of a directive that is a time. One that can't be read is 0:
// for max-age that is stale, as RFC 9111, 4.2.1 wants it.
func (d directives) seconds(name string) (time.Duration, bool) {
	text, ok := d[name]
	if !ok {
		return 0, false
	}
	return deltaSeconds(text), true
}

const forever = 1 << 31 // seconds (RFC 9111, 1.2.2)

func deltaSeconds(text string) time.Duration {
	for _, r := range text {
		if r < '0' || r > '9' {
			return 0
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if text == "" {
		return 0
	}
	if err != nil || n > forever {
		n = forever
	}
	return time.Duration(n) * time.Second
}

// lifetime is how long an answer is fresh (4.2.1). Nothing is guessed: without
// max-age and Expires it is 0.
func lifetime(h http.Header, d directives) time.Duration {
	if age, ok := d.seconds("max-age"); ok {
		return age
	}
	values := h["Expires"]
	if len(values) == 0 {
		return 0
	}
	expires, err := http.ParseTime(values[0])
	if err != nil {
		return 0
	}
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return expires.Sub(date)
}

// age is how old an item is (4.2.3).
func (i *item) age(now time.Time) time.Duration {
	var apparent time.Duration
	if date, err := http.ParseTime(i.header.Get("Date")); err == nil {
		apparent = max(0, i.received.Sub(date))
	}
	corrected := deltaSeconds(i.header.Get("Age")) + i.received.Sub(i.asked)
	return max(apparent, corrected) + now.Sub(i.received)
}

// verdict is what may be done with a stored answer.
type verdict int

const (
	fresh    verdict = iota // give it
	stale                   // ask the backend whether it is still right
	tooStale                // the same, and an error of the backend is no excuse
)

// judge says what may be done with i for a request with directives asked.
func (i *item) judge(asked directives, pragma bool, now time.Time) verdict {
	own := control(i.header)
	if own.has("no-cache") || asked.has("no-cache") || pragma && asked == nil {
		return tooStale
	}
	strict := stale
	if own.has("must-revalidate") {
		strict = tooStale
	}
	age, life := i.age(now), lifetime(i.header, own)
	if most, ok := asked.seconds("max-age"); ok {
		life = min(life, most)
	}
	if least, ok := asked.seconds("min-fresh"); ok {
		age += least
	}
	if age < life {
		return fresh
	}
	if asked.has("max-stale") && strict == stale {
		most, _ := asked.seconds("max-stale")
		if asked["max-stale"] == "" || age < life+most {
			return fresh
		}
	}
	return strict
}

// excused reports whether i may be given in place of a failure (RFC 5861, 4).
func (i *item) excused(asked directives, now time.Time) bool {
	own := control(i.header)
	for _, d := range []directives{own, asked} {
		if most, ok := d.seconds("stale-if-error"); ok && i.age(now) < lifetime(i.header, own)+most {
			return true
		}
	}
	return false
}
