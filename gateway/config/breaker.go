package config

import "time"

// Breaker is extra_config."qos/circuit-breaker" of a backend (KrakenD v3, 5 and 9.10).
type Breaker struct {
	Name            string        // in the log; "": method and url_pattern
	Interval        time.Duration // after which a closed breaker forgets its failures; 0: never
	Timeout         time.Duration // how long it stays open, at least 1s
	MaxErrors       int           // failures in a row that it bears; one more opens it
	LogStatusChange bool
}

const defaultOpen = time.Minute

// breaker reads qos/circuit-breaker, whose times are seconds; nil when it is absent.
func (b *block) breaker() *Breaker {
	if b == nil {
		return nil
	}
	out := &Breaker{
		Name:            b.text("name"),
		Interval:        b.seconds("interval"),
		Timeout:         b.seconds("timeout"),
		MaxErrors:       b.number("max_errors", most32),
		LogStatusChange: b.flag("log_status_change"),
	}
	if out.Timeout == 0 {
		out.Timeout = defaultOpen
	}
	if !b.has("max_errors") {
		b.warn(b.at("max_errors"), "missing: the first failure opens the breaker")
	}
	b.close(nil)
	return out
}

// seconds reads a whole number of seconds.
func (b *block) seconds(key string) time.Duration {
	return time.Duration(b.number(key, most32)) * time.Second
}
