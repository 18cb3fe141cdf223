package platform_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// filesWith returns the files of a data directory in which a text stands.
func filesWith(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			name, _ := filepath.Rel(dir, path)
			found = append(found, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAnErasedUserIsInNoFile(t *testing.T) {
	const planted, other = "planted-user-8c1f0a", "another-user-77ab31"
	s := start(t, t.TempDir())
	send := func(user string, n int) {
		t.Helper()
		calls := make([]string, n)
		for i := range calls {
			at := ago(time.Duration(i)*time.Minute, goTime)
			calls[i] = strings.Replace(call(at, 200, user, "acme"), `"headers":{"accept"`, fmt.Sprintf(`"body":{"who":"%s"},"headers":{"x-user":"%s","accept"`, user, user), 1)
		}
		s.collect("/v1/events/batch", "["+strings.Join(calls, ",")+"]")
		s.collect("/v1/users", `{"user_id":"`+user+`","metadata":{"name":"`+user+`"}}`)
		s.collect("/v1/actions", `{"action_name":"paid","user_id":"`+user+`","request":{"uri":"/pay"}}`)
	}
	send(planted, 30)
	send(other, 3)
	eventually(t, "everything is stored", func() bool { b := s.books().Apps[0]; return b.Stored == 35 && b.InFlight == 0 })
	auth := []string{"Authorization", "Bearer " + adminToken, "Content-Type", "application/json"}
	rule := s.do(http.MethodPost, "/api/v1/rules", `{"name":"r","type":"user","customers":[{"id":"`+planted+`","values":{}},{"id":"`+other+`","values":{}}],`+
		`"enabled":true,"block":true,"response":{"status":403,"headers":{},"body":{}}}`, auth...)
	if rule.status >= 300 {
		t.Fatalf("%d %s", rule.status, rule.body)
	}
	made := func(method, path, body string) (id string) {
		t.Helper()
		a := s.do(method, "/api/v1"+path, body, auth...)
		var of struct{ ID string }
		if err := json.Unmarshal(a.body, &of); err != nil || a.status >= 300 {
			t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
		}
		return of.ID
	}
	made(http.MethodPut, "/config", `{"sample_rate":100,"user_sample_rate":{"`+planted+`":50,"`+other+`":50}}`)
	cohort := made(http.MethodPost, "/cohorts", `{"name":"busy","kind":"user","criteria":{"match":"all","conditions":[{"usage":{"measure":"calls","op":"at_least","value":1}}]}}`)
	made(http.MethodPost, "/rules", `{"name":"follows","type":"user","cohort":"`+cohort+`","state":"on","block":true}`)
	members := func() (ids []string) {
		var list struct{ Members []struct{ ID string } }
		s.ask("/cohorts/"+cohort+"/members", &list)
		for _, m := range list.Members {
			ids = append(ids, m.ID)
		}
		slices.Sort(ids)
		return ids
	}
	eventually(t, "both are in the cohort", func() bool { return slices.Equal(members(), []string{other, planted}) })
	// A backup has the store written into its file.
	if a := s.do(http.MethodPost, "/api/v1/backup", "", auth...); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, store := range []string{"state.db", "events.duckdb", "journal/"} {
		if !strings.Contains(strings.Join(filesWith(t, s.dir, planted), " "), store) {
			t.Fatalf("the test looks in the wrong place: %s has it not (%q)", store, filesWith(t, s.dir, planted))
		}
	}

	type preview struct {
		Profile                 bool
		Events, Bodies, Actions int64
	}
	var would, nobody preview
	s.ask("/erasures/preview?kind=user&id="+planted, &would)
	s.ask("/erasures/preview?kind=company&id="+planted, &nobody)
	if (would != preview{true, 30, 30, 1}) || (nobody != preview{}) {
		t.Errorf("it would delete %+v, of a company of that name %+v", would, nobody)
	}
	if a := s.do(http.MethodGet, "/api/v1/erasures/preview?kind=user", "", auth...); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a preview of nobody: %d", a.status)
	}
	a := s.do(http.MethodPost, "/api/v1/erasures", `{"kind":"user","id":"`+planted+`"}`, auth...)
	var e struct {
		ID     string
		DoneAt *time.Time `json:"done_at"`
	}
	if err := json.Unmarshal(a.body, &e); err != nil || a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	// What comes in meanwhile goes on as ever.
	s.collect("/v1/events", call(ago(0, goTime), 200, other, "acme"))
	eventually(t, "it is done", func() bool {
		var list struct {
			Erasures []struct {
				DoneAt *time.Time `json:"done_at"`
			}
		}
		s.ask("/erasures", &list)
		return len(list.Erasures) == 1 && list.Erasures[0].DoneAt != nil
	})
	eventually(t, "no file has it", func() bool { return len(filesWith(t, s.dir, planted)) == 0 })
	if len(filesWith(t, s.dir, other)) == 0 {
		t.Error("the other user is gone too")
	}

	receipt := s.do(http.MethodGet, "/api/v1/erasures/"+e.ID+"/receipt", "", auth...)
	var paper struct {
		SHA256  string
		Receipt json.RawMessage
	}
	if err := json.Unmarshal(receipt.body, &paper); err != nil {
		t.Fatalf("%d %s", receipt.status, receipt.body)
	}
	if sum := sha256.Sum256(paper.Receipt); hex.EncodeToString(sum[:]) != paper.SHA256 {
		t.Error("the receipt's hash is wrong")
	}
	var says struct {
		Customer string `json:"customer_sha256"`
		Salt     string
		Rows     map[string]int64
		Found    map[string]int64 `json:"found_afterwards"`
	}
	if err := json.Unmarshal(paper.Receipt, &says); err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256([]byte(says.Salt + ":user:" + planted)); hex.EncodeToString(sum[:]) != says.Customer {
		t.Error("the receipt is about somebody else")
	}
	want := map[string]int64{"events": 30, "bodies": 30, "actions": 1, "users": 1, "rule_customers": 1, "sample_rates": 1, "cohort_members": 1, "cohort_changes": 1}
	for table, n := range want {
		if says.Rows[table] != n {
			t.Errorf("%s: %d rows, not %d", table, says.Rows[table], n)
		}
	}
	if got := members(); !slices.Equal(got, []string{other}) {
		t.Errorf("members of the cohort: %q", got)
	}
	// What rules were before is packed, so that looking at the files does not tell.
	var past struct{ Versions []struct{ Version int64 } }
	var of struct{ ID string }
	if err := json.Unmarshal(rule.body, &of); err != nil {
		t.Fatal(err)
	}
	s.ask("/rules/"+of.ID+"/history", &past)
	for _, v := range past.Versions {
		a := s.do(http.MethodGet, fmt.Sprintf("/api/v1/rules/%s/versions/%d", of.ID, v.Version), "", auth...)
		if a.status != http.StatusOK || strings.Contains(string(a.body), planted) {
			t.Errorf("version %d: %d %s", v.Version, a.status, a.body)
		}
	}
	if len(past.Versions) != 2 {
		t.Errorf("%d versions", len(past.Versions))
	}
	if len(says.Found) != 0 {
		t.Errorf("found afterwards: %v", says.Found)
	}

	// The books still balance, and the sums still know of the calls.
	eventually(t, "the last call", func() bool { return s.books().Apps[0].InFlight == 0 })
	if b := s.books().Apps[0]; b.Received != b.Stored || b.Stored != 36 {
		t.Errorf("books %+v", b)
	}
	if list := s.events("?user_id=" + other); len(list.Events) != 4 {
		t.Errorf("%d calls of the other user", len(list.Events))
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if found := filesWith(t, s.dir, planted); len(found) > 0 {
		t.Errorf("after a stop it is in %q", found)
	}
	s = start(t, s.dir)
	if list := s.events(""); len(list.Events) != 4 {
		t.Errorf("%d calls after a restart", len(list.Events))
	}
}
