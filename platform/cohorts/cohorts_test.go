package cohorts_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/cohorts"
	"github.com/gatemeter/gatemeter/platform/customers"
	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/state"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// house is a store of cohorts with everything beneath it, and a clock that stands.
type house struct {
	*cohorts.Store
	t         testing.TB
	customers *customers.Store
	events    *events.Store
	seq       uint64

	mu  sync.Mutex
	now time.Time
}

func open(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, now: noon}
	db, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	h.customers = customers.New(db, h.clock)
	if h.events, err = events.Open(filepath.Join(t.TempDir(), "events.duckdb"), events.Options{Threads: 2, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(h.events.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	h.reopen(db)
	h.customers.OnChange(func(app, kind string) { h.ProfilesChanged(app, kind) })
	return h
}

func (h *house) reopen(db *state.DB) {
	h.t.Helper()
	var err error
	h.Store, err = cohorts.Open(h.t.Context(), cohorts.Options{
		State: db, Events: h.events, Customers: h.customers, Clock: h.clock, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// pass moves the clock and evaluates what is due then.
func (h *house) pass(d time.Duration) {
	h.t.Helper()
	h.mu.Lock()
	h.now = h.now.Add(d)
	h.mu.Unlock()
	h.Step(h.t.Context())
}

// calls loads n calls of user ("user" or "user@company") now.
func (h *house) calls(n int, who, verb, route string, status int) {
	h.t.Helper()
	user, company, _ := strings.Cut(who, "@")
	list := make([]wire.Event, n)
	for i := range list {
		list[i] = wire.Event{
			TransactionID: fmt.Sprint(h.seq, "-", i), UserID: user, CompanyID: company, Weight: 2,
			Request:  wire.Request{Time: h.clock(), Verb: verb, URI: "https://h" + route},
			Response: &wire.Response{Time: h.clock(), Status: status},
			Metadata: []byte(`{"gatemeter":{"route":"` + route + `","identity":"verified"}}`),
		}
	}
	h.load(list)
}

func (h *house) load(list []wire.Event) {
	h.t.Helper()
	var seen []customers.Seen
	for _, e := range list {
		seen = append(seen, customers.Seen{Kind: customers.KindUser, ID: e.UserID, First: e.Request.Time, Last: e.Request.Time, Company: e.CompanyID})
		if e.CompanyID != "" {
			seen = append(seen, customers.Seen{Kind: customers.KindCompany, ID: e.CompanyID, First: e.Request.Time, Last: e.Request.Time})
		}
	}
	if err := h.customers.Seen(h.t.Context(), "app", seen); err != nil {
		h.t.Fatal(err)
	}
	h.seq++
	if err := h.events.Load(h.t.Context(), 0, []events.Block{{Seq: h.seq, App: "app", ReceivedAt: h.clock(), Events: list}}); err != nil {
		h.t.Fatal(err)
	}
	h.Loaded("app")
}

func (h *house) user(id, metadata string) {
	h.t.Helper()
	if _, err := h.customers.UpsertUsers(h.t.Context(), "app", []wire.User{{UserID: id, Metadata: []byte(metadata)}}); err != nil {
		h.t.Fatal(err)
	}
}

// draft reads `all|any` and conditions as they are stored.
func draft(t testing.TB, kind, match, conditions string) cohorts.Draft {
	t.Helper()
	d := cohorts.Draft{Name: "a cohort", Kind: kind, Criteria: cohorts.Criteria{Match: match}}
	if err := json.Unmarshal([]byte("["+conditions+"]"), &d.Criteria.Conditions); err != nil {
		t.Fatal(err)
	}
	return d
}

func (h *house) create(d cohorts.Draft) cohorts.Cohort {
	h.t.Helper()
	c, err := h.Create(h.t.Context(), "app", d)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func (h *house) ids(c cohorts.Cohort) string {
	h.t.Helper()
	ids, err := h.MemberIDs(h.t.Context(), c)
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.Join(ids, " ")
}

// feed is the history of an application as `+ada -bob`, oldest first; * marks
// what an edit did.
func (h *house) feed() string {
	h.t.Helper()
	list, err := h.ChangesAfter(h.t.Context(), "app", 0, 1000)
	if err != nil {
		h.t.Fatal(err)
	}
	words := make([]string, len(list))
	for i, c := range list {
		words[i] = map[bool]string{true: "+", false: "-"}[c.Entered] + c.Customer
		if c.Edited {
			words[i] += "*"
		}
	}
	return strings.Join(words, " ")
}

func TestCriteriaFindWhoTheyDescribe(t *testing.T) {
	h := open(t)
	h.now = noon.Add(-48 * time.Hour)
	h.calls(3, "old@acme", "GET", "/orders", 200)
	h.now = noon.Add(-2 * time.Hour)
	h.calls(1, "late@acme", "GET", "/orders", 200)
	h.now = noon
	h.calls(4, "ada@acme", "GET", "/orders", 200)
	h.calls(1, "ada@acme", "POST", "/orders", 500)
	h.calls(5, "bob@bolt", "GET", "/legacy", 404)
	h.user("ada", `{"plan":"Free","seats":10,"tags":["a","b"],"address":{"city":"London"},"odd.key":"x","vip":true}`)
	h.user("bob", `{"plan":"pro","seats":"9.5","email":"bob@bolt.test","empty":""}`)
	h.user("idle", `{"plan":"free"}`)
	for _, s := range []wire.Subscription{
		{SubscriptionID: "1", CompanyID: "acme", Status: "active", Items: []wire.SubscriptionItem{{PlanID: "gold"}, {PlanID: "extra"}}},
		{SubscriptionID: "2", CompanyID: "acme", Status: "cancelled"},
	} {
		if _, err := h.customers.UpsertSubscriptions(t.Context(), "app", []wire.Subscription{s}); err != nil {
			t.Fatal(err)
		}
	}
	usage := func(rest string) string { return `{"usage":{` + rest + `}}` }
	attribute := func(field, op, values string) string {
		return `{"attribute":{"field":"` + field + `","op":"` + op + `","values":[` + values + `]}}`
	}
	for _, c := range []struct{ kind, match, conditions, want string }{
		{"user", "all", usage(`"measure":"calls","op":"at_least","value":10`), "ada bob"},
		{"user", "all", usage(`"measure":"events","op":"equal","value":5`), "ada bob"},
		{"user", "all", usage(`"measure":"calls","op":"at_least","value":1,"hours":3`), "ada bob late"},
		{"user", "all", usage(`"measure":"calls","op":"less_than","value":1,"hours":3`), "idle old"},
		{"user", "all", usage(`"measure":"errors","op":"more_than","value":2`), "bob"},
		{"user", "all", usage(`"measure":"error_rate","op":"at_most","value":20`), "ada late old"},
		{"user", "all", usage(`"measure":"calls","op":"at_least","value":1,"routes":["/orders"],"verbs":["post"]`), "ada"},
		{"user", "all", usage(`"measure":"calls","op":"at_least","value":1,"statuses":["4xx","500"]`), "ada bob"},
		{"user", "all", usage(`"measure":"since_last_call","op":"more_than","value":24`), "old"},
		{"user", "all", usage(`"measure":"since_first_call","op":"at_most","value":2`), "ada bob late"},
		{"user", "all", usage(`"measure":"since_last_call","op":"at_least","value":1,"routes":["/orders"]`), "late old"},
		{"user", "all", attribute("metadata.plan", "is", `"FREE"`), "ada idle"},
		{"user", "all", attribute("metadata.plan", "is_not", `"free"`), "bob late old"},
		{"user", "all", attribute("metadata.email", "contains", `"BOLT"`), "bob"},
		{"user", "all", attribute("metadata.seats", "greater", `"9.7"`), "ada"},
		{"user", "all", attribute("metadata.seats", "less", `"10"`), "bob"},
		{"user", "all", attribute("metadata.seats", "is", `"10.0"`), "ada"},
		{"user", "all", attribute("metadata.tags", "is", `"b"`), "ada"},
		{"user", "all", attribute("metadata.address.city", "is", `"london"`), "ada"},
		{"user", "all", attribute("metadata.address", "exists", ``), "ada"},
		{"user", "all", attribute("metadata.odd.key", "is", `"x"`), "ada"},
		{"user", "all", attribute("metadata.vip", "is", `"true"`), "ada"},
		{"user", "all", attribute("metadata.empty", "exists", ``), ""},
		{"user", "all", attribute("metadata.plan", "not_exists", ``), "late old"},
		{"user", "all", attribute("company_id", "is", `"acme"`), "ada late old"},
		{"user", "all", attribute("id", "is", `"ada","bob"`), "ada bob"},
		{"user", "all", attribute("metadata.plan", "is", `"free"`) + "," + usage(`"measure":"calls","op":"at_least","value":1`), "ada"},
		{"user", "any", attribute("metadata.plan", "is", `"free"`) + "," + usage(`"measure":"errors","op":"at_least","value":10`), "ada bob idle"},
		{"user", "any", usage(`"measure":"calls","op":"equal","value":2`) + "," + usage(`"measure":"errors","op":"at_least","value":10`), "bob late"},
		{"company", "all", usage(`"measure":"calls","op":"more_than","value":10`), "acme"},
		{"company", "all", attribute("subscription.status", "is", `"active"`), "acme"},
		{"company", "all", attribute("subscription.plan_id", "is", `"extra"`), "acme"},
		{"company", "all", attribute("subscription.status", "not_exists", ``), "bolt"},
	} {
		d := draft(t, c.kind, c.match, c.conditions)
		n, members, err := h.Preview(t.Context(), "app", d)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range members {
			got = append(got, m.ID)
		}
		if strings.Join(got, " ") != c.want || n != len(got) {
			t.Errorf("%s of %s: got %d %q, want %q", c.match, c.conditions, n, got, c.want)
		}
	}
	if n, _, err := h.Preview(t.Context(), "other", draft(t, "user", "all", attribute("id", "is", `"ada"`))); err != nil || n != 0 {
		t.Errorf("another application sees %d, %v", n, err)
	}
}

func TestEnteringAndLeavingAreKeptAndTold(t *testing.T) {
	h := open(t)
	h.calls(2, "ada", "GET", "/x", 200)
	var told []string
	h.Listen(func(app, cohort string) { told = append(told, app+" "+cohort) })
	c := h.create(draft(t, "user", "all", `{"usage":{"measure":"calls","op":"at_least","value":4,"hours":1}}`))
	if c.Members != 1 || !c.Ready() || h.ids(c) != "ada" || h.feed() != "+ada*" {
		t.Fatalf("got %+v, members %q, feed %q", c, h.ids(c), h.feed())
	}

	h.calls(1, "bob", "GET", "/x", 200) // not enough
	h.pass(time.Second)                 // and too soon to look
	h.calls(1, "bob", "GET", "/x", 200)
	h.pass(2 * time.Second)
	entered := h.clock()
	if got := h.feed(); got != "+ada* +bob" || h.ids(c) != "ada bob" {
		t.Fatalf("got %q", got)
	}
	h.pass(30 * time.Minute)
	h.calls(2, "ada", "GET", "/x", 200)
	h.pass(30*time.Minute + 2*time.Second) // bob's calls are out of the window now
	if got := h.feed(); got != "+ada* +bob -bob" || h.ids(c) != "ada" {
		t.Fatalf("got %q", got)
	}
	if want := []string{"app " + c.ID, "app " + c.ID, "app " + c.ID}; !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}

	before, err := h.Changes(t.Context(), "app", cohorts.Which{Kind: "user", Customer: "bob"}, 0, 1)
	if err != nil || len(before) != 1 || before[0].Entered || before[0].Name != "a cohort" || !before[0].At.Equal(h.clock()) {
		t.Fatalf("got %+v, %v", before, err)
	}
	older, err := h.Changes(t.Context(), "app", cohorts.Which{Cohort: c.ID}, before[0].Number, 1)
	if err != nil || len(older) != 1 || older[0].Customer != "bob" || !older[0].Entered || !older[0].At.Equal(entered) {
		t.Errorf("got %+v, %v", older, err)
	}
	of, err := h.Of(t.Context(), "app", "user", "ada")
	if err != nil || len(of) != 1 || of[0].Cohort != c.ID || !of[0].EnteredAt.Equal(noon) {
		t.Errorf("got %+v, %v", of, err)
	}
	sizes, err := h.Sizes(t.Context(), "app", "", noon.Add(-time.Hour))
	if err != nil || fmt.Sprint(sizes[c.ID]) != fmt.Sprint([]cohorts.Size{{noon, 2}, {noon.Add(time.Hour), 1}}) {
		t.Errorf("got %v, %v", sizes, err)
	}
	if list, err := h.ChangesAfter(t.Context(), "other", 0, 10); err != nil || len(list) != 0 {
		t.Errorf("another application sees %v, %v", list, err)
	}
}

func TestAnEditIsSeenAtOnceAndSaysSo(t *testing.T) {
	h := open(t)
	h.user("ada", `{"plan":"free"}`)
	h.user("bob", `{"plan":"pro"}`)
	d := draft(t, "user", "all", `{"attribute":{"field":"metadata.plan","op":"is","values":["free"]}}`)
	c := h.create(d)
	d.Name, d.Criteria.Conditions[0].Attribute.Values = "renamed", []string{"pro"}
	edited, err := h.Replace(t.Context(), "app", c.ID, d)
	if err != nil || edited.Name != "renamed" || h.ids(edited) != "bob" || h.feed() != "+ada* -ada* +bob*" {
		t.Fatalf("got %+v %q %q, %v", edited, h.ids(edited), h.feed(), err)
	}
	d.Name = "renamed again"
	if edited, err = h.Replace(t.Context(), "app", c.ID, d); err != nil || edited.Name != "renamed again" {
		t.Fatal(edited, err)
	}
	// A profile that changes is no edit, not even after the cohort was renamed.
	h.user("ada", `{"plan":"pro"}`)
	h.pass(3 * time.Second)
	if got := h.feed(); got != "+ada* -ada* +bob* +ada" {
		t.Errorf("got %q", got)
	}
	if err := h.Delete(t.Context(), "app", c.ID); err != nil || h.feed() != "" {
		t.Errorf("after the deletion: %v, %q", err, h.feed())
	}
	h.pass(time.Minute)
	for name, err := range map[string]error{
		"read":       second(h.Cohort(t.Context(), "app", c.ID)),
		"replace":    second(h.Replace(t.Context(), "app", c.ID, d)),
		"delete":     h.Delete(t.Context(), "app", c.ID),
		"other's":    second(h.Cohort(t.Context(), "other", h.create(d).ID)),
		"without id": second(h.Cohort(t.Context(), "app", "")),
	} {
		if !errors.Is(err, cohorts.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.Kind = "company"
	list, err := h.List(t.Context(), "app")
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if _, err := h.Replace(t.Context(), "app", list[0].ID, d); !errors.Is(err, cohorts.ErrKind) {
		t.Errorf("a cohort of users became one of companies: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// counting counts questions and can be made to fail.
type counting struct {
	cohorts.EventStore
	n    int
	fail error
}

func (c *counting) Behave(ctx context.Context, app, by string, selections []events.Behaviour, each func(string, []events.Behaved) error) error {
	c.n++
	if c.fail != nil {
		return c.fail
	}
	return c.EventStore.Behave(ctx, app, by, selections, each)
}

func TestOnlyWhatMayHaveChangedIsEvaluatedAgain(t *testing.T) {
	h := open(t)
	asked := &counting{EventStore: h.events}
	h.Events = asked
	ever := h.create(draft(t, "user", "all", `{"usage":{"measure":"calls","op":"at_least","value":2}}`))
	h.create(draft(t, "user", "all", `{"attribute":{"field":"metadata.plan","op":"exists"}}`))
	asked.n = 0
	h.pass(time.Hour)
	if asked.n != 0 {
		t.Errorf("nothing happened, and %d questions were asked", asked.n)
	}
	h.user("ada", `{"plan":"x"}`)
	h.pass(time.Minute)
	if asked.n != 0 {
		t.Errorf("a profile changed, and %d questions were asked", asked.n)
	}
	for range 5 { // calls come in all the time: looked at every two seconds
		h.calls(1, "ada", "GET", "/", 200)
		h.pass(time.Second)
	}
	if asked.n != 3 {
		t.Errorf("%d questions within 5 s of calls, want 3", asked.n)
	}

	asked.fail = errors.New("the store is down")
	h.calls(1, "bob", "GET", "/", 200)
	h.pass(10 * time.Second)
	h.pass(time.Second)
	if asked.n != 4 {
		t.Errorf("%d questions, want one that failed and none before its retry", asked.n)
	}
	asked.fail = nil
	h.pass(15 * time.Second)
	if got := h.ids(ever); got != "ada bob" {
		t.Errorf("after the failure: %q", got)
	}
	// A cohort whose members could not be found is kept, and found later.
	asked.fail = errors.New("the store is down")
	c := h.create(draft(t, "user", "all", `{"usage":{"measure":"calls","op":"at_least","value":1}}`))
	if c.Ready() {
		t.Error("it is ready without having been evaluated")
	}
	asked.fail = nil
	h.pass(15 * time.Second)
	if c, err := h.Cohort(t.Context(), "app", c.ID); err != nil || !c.Ready() || h.ids(c) != "ada bob" || !strings.HasSuffix(h.feed(), "+ada* +bob*") {
		t.Errorf("got %+v, %v, %q", c, err, h.feed())
	}
}

func TestRunEvaluatesWhenSomethingHappens(t *testing.T) {
	h := open(t)
	h.user("ada", `{}`)
	c := h.create(draft(t, "user", "all", `{"attribute":{"field":"metadata.plan","op":"exists"}}`))
	entered := make(chan struct{}, 1)
	h.Listen(func(string, string) { entered <- struct{}{} })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { h.Run(ctx); close(ended) }()
	h.mu.Lock()
	h.now = h.now.Add(time.Minute)
	h.mu.Unlock()
	h.user("ada", `{"plan":"x"}`)
	select {
	case <-entered:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody was told")
	}
	if h.ids(c) != "ada" {
		t.Errorf("got %q", h.ids(c))
	}
	cancel()
	<-ended
}

func TestMembersArePagedLatestFirst(t *testing.T) {
	h := open(t)
	c := h.create(draft(t, "user", "all", `{"attribute":{"field":"metadata.plan","op":"exists"}}`))
	for i := range 7 {
		h.user(fmt.Sprintf("u%d", i), `{"plan":"x","name":"User `+fmt.Sprint(i)+`"}`)
		if i%3 == 0 {
			h.pass(time.Minute)
		}
	}
	var got []string
	var after cohorts.After
	for {
		page, err := h.Members(t.Context(), c, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page {
			got = append(got, m.Name)
			after = cohorts.After{EnteredAt: m.EnteredAt, ID: m.ID}
		}
		if len(page) < 2 {
			break
		}
	}
	if want := "User 4,User 5,User 6,User 1,User 2,User 3,User 0"; strings.Join(got, ",") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
