package gateway

import (
	"testing"
	"time"
)

func TestTheLastPushIsNoLongerThanDrainTimeout(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct{ left, drainTimeout, want time.Duration }{
		{9 * time.Second, 10 * time.Second, 9 * time.Second}, // there is time left
		{-5 * time.Second, 10 * time.Second, lastPush},       // requests took longer
		{500 * time.Millisecond, 10 * time.Second, lastPush},
		{15 * time.Millisecond, 20 * time.Millisecond, 20 * time.Millisecond},
		{-time.Second, 20 * time.Millisecond, 20 * time.Millisecond},
		{-time.Second, 0, 0},
	} {
		if got := lastDeadline(now, now.Add(tt.left), tt.drainTimeout).Sub(now); got != tt.want {
			t.Errorf("%v left of %v: got %v, want %v", tt.left, tt.drainTimeout, got, tt.want)
		}
	}
}
