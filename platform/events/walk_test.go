package events

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// walked are the ids of the requests that w gives.
func walked(t testing.TB, s *Store, w Walk) (ids []string, last wire.Event) {
	t.Helper()
	err := s.Walk(t.Context(), w, func(e *wire.Event) error {
		ids, last = append(ids, e.TransactionID), *e
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids, last
}

func TestAWalkGoesFromTheNewestBackAndOnWhereItEnded(t *testing.T) {
	s := open(t)
	var list []wire.Event
	for i := range 20 {
		list = append(list, call(fmt.Sprintf("e%02d", i), i/4)) // four of each second
	}
	loadNext(t, s, "app", noon.Add(time.Minute), list...)
	loadNext(t, s, "other", noon.Add(time.Minute), call("foreign", 2))

	all, _ := walked(t, s, Walk{App: "app"})
	want := []string{}
	for _, e := range slices.Backward(list) {
		want = append(want, e.TransactionID)
	}
	if !slices.Equal(all, want) {
		t.Fatalf("got %v, want %v", all, want)
	}
	var pieces []string
	w := Walk{App: "app", From: noon.Add(time.Second), To: noon.Add(time.Minute), Limit: 3}
	for {
		ids, last := walked(t, s, w)
		if len(ids) == 0 {
			break
		}
		pieces = append(pieces, ids...)
		w.To, w.BeforeID = last.Request.Time, last.TransactionID
	}
	if want := want[:16]; !slices.Equal(pieces, want) {
		t.Errorf("in pieces %v, want %v", pieces, want)
	}
}

func TestAWalkGivesWhatItWasAskedFor(t *testing.T) {
	s := open(t)
	loadNext(t, s, "app", noon, decode(t, `{"request":{"time":"2026-11-22T11:59:59.000001Z","uri":"https://api.test/v1/orders/7?expand=1","verb":"POST","headers":{"X-Two":["a","b"]},"ip_address":"10.0.0.1","body":{"a":1},"transfer_encoding":"json","content_length":7},"response":{"time":"2026-11-22T11:59:59.250002Z","status":201,"headers":{}},"user_id":"u","company_id":"c","transaction_id":"one","weight":5,"blocked_by":"rule","metadata":{"gatemeter":{"refused":"blocked"}}}`))
	_, bare := walked(t, s, Walk{App: "app"})
	if bare.Request.Headers != nil || bare.Request.Body != nil {
		t.Errorf("not asked for: %+v", bare.Request)
	}
	about, _ := bare.Gatemeter()
	if bare.UserID != "u" || bare.CompanyID != "c" || bare.Weight != 5 || bare.BlockedBy != "rule" || bare.Response.Status != 201 || about.Refused != "blocked" ||
		bare.Request.URI != "https://api.test/v1/orders/7?expand=1" || bare.Request.Verb != "POST" || bare.Request.IPAddress != "10.0.0.1" || bare.Request.ContentLength != 7 {
		t.Errorf("got %+v", bare)
	}
	_, full := walked(t, s, Walk{App: "app", Headers: true, Bodies: true})
	if len(full.Request.Headers) != 2 || full.Request.Headers[1].Value != "b" || string(full.Request.Body) != `{"a":1}` || full.Request.TransferEncoding != "json" {
		t.Errorf("got %+v", full.Request)
	}
	if ids, _ := walked(t, s, Walk{App: "none", Bodies: true}); ids != nil {
		t.Errorf("another application's: %v", ids)
	}
	enough := errors.New("enough")
	if err := s.Walk(t.Context(), Walk{App: "app"}, func(*wire.Event) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	if err := s.Walk(t.Context(), Walk{}, nil); !errors.Is(err, ErrQuestion) {
		t.Errorf("without an application: %v", err)
	}
}
