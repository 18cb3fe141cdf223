package collect_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

func TestAnApplicationAboveItsRateIsAskedToWait(t *testing.T) {
	f := setUp(t)
	if _, err := f.gate.ChangeApplication(t.Context(), f.app.ID, "limited", 1, 1); err != nil {
		t.Fatal(err)
	}
	const event = `{"request":{"time":"2026-11-22T11:59:59.000Z","verb":"GET","uri":"https://shop.example/"},"response":{"time":"2026-11-22T11:59:59.100Z","status":200}}`
	// A hundred seconds' worth: what follows has to wait, however slow this machine is.
	if w := f.post("/v1/events/batch", "["+strings.Repeat(event+",", 99)+event+"]"); w.Code != http.StatusCreated {
		t.Fatalf("larger than the burst: %d %s", w.Code, w.Body)
	}
	for path, body := range map[string]string{"/v1/events": event, "/v1/events/batch": "[" + event + "]", "/v1/actions": `{"action_name":"x"}`} {
		w := f.post(path, body)
		seconds, err := strconv.Atoi(w.Header().Get("Retry-After"))
		if w.Code != http.StatusTooManyRequests || err != nil || seconds < 1 || seconds > 100 {
			t.Errorf("%s: got %d, Retry-After %q", path, w.Code, w.Header().Get("Retry-After"))
		}
		if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s: got %s", path, got)
		}
	}
	if len(f.journal.batches) != 1 {
		t.Errorf("%d batches were journalled, want 1", len(f.journal.batches))
	}
	if w := f.post("/v1/users", `{"user_id":"ada"}`); w.Code != http.StatusCreated {
		t.Errorf("profiles are no events: %d", w.Code)
	}
}
