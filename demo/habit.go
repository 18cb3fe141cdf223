package demo

import (
	"math"
	"math/rand/v2"
	"time"
)

// past is how far back the made-up history goes.
const past = 7 * 24 * time.Hour

// rate is how many calls per minute c makes at t, when the demo was started at start.
func (c Customer) rate(t, start time.Time) float64 {
	return c.PerMinute * rhythm(t) * c.habit(t, start)
}

// rhythm makes days and nights: most calls in the early afternoon, UTC.
func rhythm(t time.Time) float64 {
	hour := float64(t.UTC().Hour()) + float64(t.UTC().Minute())/60
	return 1 + 0.5*math.Cos((hour-13)/24*2*math.Pi)
}

func (c Customer) habit(t, start time.Time) float64 {
	switch c.Habit {
	case Spiky:
		// Three minutes of every 47 are a burst; each customer has its own.
		if (t.Unix()/60+int64(c.ID[0])*7)%47 < 3 {
			return 9
		}
		return 0.4
	case Growing:
		return math.Max(0.1, 1.8+1.7*t.Sub(start).Hours()/past.Hours())
	case Stopped:
		if t.After(start.Add(-44 * time.Hour)) {
			return 0
		}
		return 1
	default:
		return 1
	}
}

// next returns when c calls again after t, or a time up to ten minutes later at
// which to ask again, because the rate may have changed by then. share is the part
// of c's calls that is asked for, 1 for all.
func (c Customer) next(t, start time.Time, share float64, r *rand.Rand) (at time.Time, call bool) {
	const horizon = 10 * time.Minute
	perMinute := c.rate(t, start) * share
	if perMinute <= 0 {
		return t.Add(horizon), false
	}
	wait := time.Duration(r.ExpFloat64() / perMinute * float64(time.Minute))
	if wait > horizon {
		return t.Add(horizon), false
	}
	return t.Add(wait), true
}
