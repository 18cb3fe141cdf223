package platform_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRetentionIsSetAndSeenToOverTheAPI(t *testing.T) {
	s := start(t, t.TempDir())
	old := call(ago(20*24*time.Hour, goTime), 200, "ada", "acme")
	s.collect("/v1/events/batch", "["+old+","+call(ago(time.Second, goTime), 200, "ada", "acme")+"]")
	eventually(t, "two events", func() bool { return len(s.events("").Events) == 2 })
	var answer struct {
		Events      int                            `json:"events_days"`
		WouldDelete struct{ Events, Bodies int64 } `json:"would_delete"`
	}
	s.ask("/retention", &answer)
	if answer.Events != 0 || answer.WouldDelete.Events != 0 {
		t.Errorf("at first %+v", answer)
	}
	put := func(body string) (int, string) {
		a := s.do(http.MethodPut, "/api/v1/retention", body, "Authorization", "Bearer "+adminToken, "Content-Type", "application/json")
		return a.status, string(a.body)
	}
	if status, text := put(`{"events_days":7,"bodies_days":8,"rollups_days":0}`); status != http.StatusUnprocessableEntity || !strings.Contains(text, "bodies_days: must not be longer than events_days") {
		t.Errorf("%d %s", status, text)
	}
	status, text := put(`{"events_days":7,"bodies_days":7,"rollups_days":365}`)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.Events != 7 {
		t.Errorf("%s, %v", text, err)
	}
	if a := s.do(http.MethodGet, "/api/v1/retention/preview?events_days=-1", "", "Authorization", "Bearer "+adminToken); a.status != http.StatusUnprocessableEntity {
		t.Errorf("preview of nonsense: %d", a.status)
	}
	if b := s.books().Apps[0]; b.Received != b.Stored || b.Stored != 2 {
		t.Errorf("books %+v", b)
	}
}
