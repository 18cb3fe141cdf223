package pipe

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// runner is one call of a race: what it gives, and when.
type runner struct {
	after time.Duration
	value string // in upper case: good
	err   error
}

func TestFirstGoodAnswerWinsTheRace(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		runners []runner
		want    string
		err     error
		took    time.Duration
		dropped int32
	}{
		"first":               {[]runner{{3, "A", nil}, {1, "B", nil}, {2, "C", nil}}, "B", nil, 1, 0},
		"good one":            {[]runner{{1, "a", nil}, {2, "", broken}, {3, "C", nil}}, "C", nil, 3, 1},
		"best of bad":         {[]runner{{1, "a", nil}, {2, "b", nil}, {3, "", broken}}, "a", nil, 3, 1},
		"last error":          {[]runner{{1, "", errors.New("x")}, {2, "", broken}}, "", broken, 2, 0},
		"too slow":            {[]runner{{20, "A", nil}, {30, "B", nil}}, "", context.DeadlineExceeded, 10, 0},
		"bad one is in time":  {[]runner{{1, "a", nil}, {30, "B", nil}}, "a", nil, 10, 0},
		"panic is no winner":  {[]runner{{1, "panic", nil}, {2, "B", nil}}, "B", nil, 2, 0},
		"deaf one is dropped": {[]runner{{1, "A", nil}, {5, "DEAF", nil}}, "A", nil, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var dropped atomic.Int32
				began := time.Now()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				got, err := race(ctx, len(c.runners), 10*time.Second, func(ctx context.Context, i int) (string, bool, error) {
					r := c.runners[i]
					done := ctx.Done()
					if r.value == "DEAF" {
						done = nil
					}
					select {
					case <-time.After(r.after * time.Second):
					case <-done:
						return "", false, context.Cause(ctx)
					}
					if r.value == "panic" {
						panic("here")
					}
					return r.value, r.value != "" && r.value[0] < 'a', r.err
				}, func(string) { dropped.Add(1) })
				if took := time.Since(began); got != c.want || !errors.Is(err, c.err) || took != c.took*time.Second {
					t.Errorf("got %q, %v after %v", got, err, took)
				}
				cancel()
				time.Sleep(time.Minute) // of the bubble
				if dropped.Load() != c.dropped {
					t.Errorf("%d dropped, want %d", dropped.Load(), c.dropped)
				}
			})
		})
	}
}

func TestShadowsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewShadows(slog.New(slog.DiscardHandler))
		for range maxShadows {
			if !s.begin() {
				t.Fatal("no room")
			}
		}
		if s.begin() {
			t.Fatal("there is no bound")
		}
		s.end()
		if !s.begin() {
			t.Fatal("room is not given back")
		}
		closed := make(chan struct{})
		go func() { s.Close(); close(closed) }()
		synctest.Wait()
		select {
		case <-closed:
			t.Fatal("Close does not wait")
		default:
		}
		for range maxShadows {
			s.end()
		}
		<-closed
		if s.begin() {
			t.Fatal("a call begins after Close")
		}
	})
}

// FuzzXML: whatever the data, the XML is well-formed.
func FuzzXML(f *testing.F) {
	f.Add(`{"a":{"-b":"c","#text":"d"},"<e>":[1,[2],null]}`)
	f.Add(`{"":"\u0000]]>","-":{"x":1},"#text":[]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var data map[string]any
		if json.Unmarshal([]byte(text), &data) != nil {
			return
		}
		var b bytes.Buffer
		appendXML(&b, data)
		d := xml.NewDecoder(&b)
		written := b.String()
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				t.Fatalf("%s makes %s: %v", text, written, err)
			}
		}
	})
}

func TestValuesOfASequenceComeBeforeOthers(t *testing.T) {
	answers := said{{Data: map[string]any{"id": json.Number("7"), "a": map[string]any{"b": "c"}}}, {Text: "whole", HasText: true}}
	find := answers.before(func(name string) (string, bool) { return "next " + name, name == "JWT.sub" || name == "resp0_none" })
	for name, want := range map[string]string{
		"resp0_id": "7", "resp0_a.b": "c", "resp1": "whole", "JWT.sub": "next JWT.sub", "resp0_none": "next resp0_none",
		"resp0_a.b.c": "", "resp0": "", "resp2_id": "", "resp-1_id": "", "xxxx0_id": "", "r": "", "": "", "resp": "", "resp_id": "",
	} {
		got, ok := find(name)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%s: got %q, %v", name, got, ok)
		}
	}
	if _, ok := answers.before(nil)("JWT.sub"); ok {
		t.Error("a value came from nowhere")
	}
}
