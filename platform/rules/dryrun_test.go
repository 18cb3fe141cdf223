package rules

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// calls are stored calls, newest first.
type calls []wire.Event

func (list calls) Calls(_ context.Context, s Span, each func(*wire.Event) error) error {
	n := 0
	for i := range list {
		e := list[i]
		at := e.Request.Time
		before := at.Before(s.To) || s.BeforeID != "" && at.Equal(s.To) && e.TransactionID < s.BeforeID
		if at.Before(s.From) || !before {
			continue
		}
		if n++; n > s.Limit {
			return nil
		}
		if !s.Headers {
			e.Request.Headers = nil
		}
		if !s.Bodies {
			e.Request.Body = nil
		}
		if err := each(&e); err != nil {
			return err
		}
	}
	return nil
}

// past is a call of n seconds ago.
func past(n int, change func(e *wire.Event)) wire.Event {
	e := wire.Event{TransactionID: fmt.Sprintf("e%06d", n), Request: wire.Request{
		Time: noon.Add(-time.Duration(n) * time.Second), URI: "https://api.test/orders/1?x=1", Verb: "GET", ContentLength: 0,
	}}
	change(&e)
	return e
}

func dryRun(t testing.TB, list calls, u Rule) Outcome {
	t.Helper()
	o, err := stored(t).DryRun(t.Context(), list, "app", u, noon.Add(-24*time.Hour), noon.Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func when(u Rule, conditions ...string) Rule {
	g := wire.RegexGroup{}
	for i := 0; i < len(conditions); i += 2 {
		g.Conditions = append(g.Conditions, wire.Condition{Path: conditions[i], Value: conditions[i+1]})
	}
	u.Wire.RegexConfig = append(u.Wire.RegexConfig, g)
	return u
}

func anyone() Rule { return Rule{Wire: wire.Rule{Name: "n", Type: typeRegex, Block: true}} }

func TestADryRunCountsWhatTheGatewayWouldHaveBlocked(t *testing.T) {
	list := calls{
		past(1, func(e *wire.Event) { e.CompanyID, e.UserID, e.Weight = "acme", "ada", 10 }),
		past(2, func(e *wire.Event) { e.CompanyID, e.UserID = "acme", "bob" }),
		past(3, func(e *wire.Event) { e.CompanyID = "bolt"; e.BlockedBy = "another" }),
		past(4, func(e *wire.Event) { e.CompanyID = "acme"; e.Request.Verb = "DELETE" }),
		past(5, func(e *wire.Event) { e.Request.URI = "https://api.test/other" }),
		past(6, func(e *wire.Event) { e.Metadata = []byte(`{"gatemeter":{"refused":"unauthenticated"}}`) }),
		past(7, func(*wire.Event) {}),
		past(90000, func(e *wire.Event) { e.CompanyID = "acme" }), // too old
	}
	o := dryRun(t, list, when(anyone(), "request.route", "^/orders", "request.verb", "GET"))
	if o.Looked != 16 || o.Applied != 13 || o.Already != 1 || o.NotAsked != 1 || o.Anonymous != 1 || o.Unknown != 0 || !o.Complete || !o.Reached.Equal(o.From) {
		t.Errorf("got %+v", o)
	}
	if want := []Affected{{"acme", 11}, {"bolt", 1}}; !slices.Equal(o.Companies, want) || o.CompanyCount != 2 {
		t.Errorf("companies %v", o.Companies)
	}
	if want := []Affected{{"ada", 10}, {"bob", 1}}; !slices.Equal(o.Users, want) || o.UserCount != 2 {
		t.Errorf("users %v", o.Users)
	}
	var ids []string
	for _, e := range o.Calls {
		ids = append(ids, e.TransactionID)
	}
	if want := []string{"e000001", "e000002", "e000003", "e000007"}; !slices.Equal(ids, want) {
		t.Errorf("calls %v", ids)
	}
}

func TestADryRunKnowsWhoTheRuleIsFor(t *testing.T) {
	list := calls{
		past(1, func(e *wire.Event) { e.UserID = "ada" }),
		past(2, func(e *wire.Event) { e.UserID = "bob" }),
		past(3, func(e *wire.Event) { e.CompanyID = "ada" }), // no user
	}
	others, unidentified := userRule("r", "ada"), userRule("r")
	others.Wire.AppliedTo = "not_matching"
	unidentified.Wire.AppliedToUnidentified = true
	headers := userRule("r", "ada")
	headers.Wire.Block = false
	for name, c := range map[string]struct {
		rule Rule
		want []string
	}{
		"members":      {userRule("r", "ada"), []string{"e000001"}},
		"others":       {others, []string{"e000002"}},
		"unidentified": {unidentified, []string{"e000003"}},
		"headers only": {headers, []string{"e000001"}},
	} {
		var got []string
		for _, e := range dryRun(t, list, c.rule).Calls {
			got = append(got, e.TransactionID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// What was masked, cut or not kept is told where it decides, and only there.
func TestADryRunSaysWhatItCannotJudge(t *testing.T) {
	post := func(body, encoding string, length int64, headers ...string) func(*wire.Event) {
		return func(e *wire.Event) {
			e.Request.Verb, e.Request.ContentLength, e.Request.TransferEncoding = "POST", length, encoding
			if body != "" {
				e.Request.Body = []byte(body)
			}
			for i := 0; i < len(headers); i += 2 {
				e.Request.Headers = append(e.Request.Headers, wire.Header{Name: headers[i], Value: headers[i+1]})
			}
		}
	}
	gold := func() Rule { return when(anyone(), "request.body.plan.name", "gold") }
	key := func() Rule { return when(anyone(), "request.headers.X-Api-Key", "^k1") }
	for name, c := range map[string]struct {
		rule Rule
		call func(*wire.Event)
		want string // passes, applies, or why it is not known
	}{
		"body matches":            {gold(), post(`{"plan":{"name":"gold"}}`, "json", 24), "applies"},
		"body does not":           {gold(), post(`{"plan":{"name":"tin"}}`, "json", 24), "passes"},
		"field is not there":      {gold(), post(`{"a":1}`, "json", 7), "passes"},
		"field masked":            {gold(), post(`{"plan":{"name":"*****"}}`, "json", 24), "masked"},
		"what it is in is masked": {gold(), post(`{"plan":"*****"}`, "json", 24), "masked"},
		"not kept":                {gold(), post("", "", 24), "not_kept"},
		"no body":                 {gold(), post("", "", 0), "passes"},
		"length unknown":          {gold(), post("", "", -1), "not_kept"},
		"GET without a length":    {gold(), func(e *wire.Event) { e.Request.ContentLength = -1 }, "passes"},
		"too long for gateways":   {gold(), post("", "", 1<<20), "passes"},
		"compressed":              {gold(), post(`{"plan":{"name":"gold"}}`, "json", 24, "Content-Encoding", "gzip"), "passes"},
		"base64":                  {gold(), post(`"eyJwbGFuIjp7Im5hbWUiOiJnb2xkIn19"`, "base64", 24), "applies"},
		"cut": {gold(), func(e *wire.Event) {
			post(`"e30="`, "base64", 24)(e)
			e.Metadata = []byte(`{"gatemeter":{"cut":["request.body"]}}`)
		}, "cut"},
		"GraphQL":                     {when(anyone(), "request.body.query", "mutation"), post(`"bXV0YXRpb24geyB4IH0="`, "base64", 14, "Content-Type", "application/graphql"), "applies"},
		"header matches":              {key(), post("", "", 0, "x-api-key", "k1-x"), "applies"},
		"header masked":               {key(), post("", "", 0, "X-Api-Key", "*****"), "masked"},
		"header not there":            {key(), post("", "", 0), "passes"},
		"masked, but the verb is not": {when(anyone(), "request.headers.X-Api-Key", "^k1", "request.verb", "PUT"), post("", "", 0, "X-Api-Key", "*****"), "passes"},
		"masked, but another group":   {when(key(), "request.verb", "POST"), post("", "", 0, "X-Api-Key", "*****"), "applies"},
		"masked, and somebody else's": {when(userRule("r", "ada"), "request.headers.X-Api-Key", "^k1"), post("", "", 0, "X-Api-Key", "*****"), "passes"},
	} {
		o := dryRun(t, calls{past(1, c.call)}, c.rule)
		got := "passes"
		switch {
		case o.Applied == 1:
			got = "applies"
		case o.Unknown == 1 && len(o.Reasons) == 1:
			got = o.Reasons[0].Why
		case o.Unknown != 0:
			got = fmt.Sprint(o.Reasons)
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestADryRunIsBoundedByCallsAndTellsHowFarItGot(t *testing.T) {
	const most = 30_000 // more than a piece
	list := make(calls, 0, most+1000)
	for i := range cap(list) {
		list = append(list, wire.Event{TransactionID: fmt.Sprintf("e%07d", cap(list)-i), Request: wire.Request{
			Time: noon.Add(-time.Duration(i/40) * time.Second), URI: "/x", Verb: "GET",
		}})
	}
	j, err := newJudge(anyone())
	if err != nil {
		t.Fatal(err)
	}
	counted := newTally(j, noon.Add(-24*time.Hour), noon.Add(time.Second), most)
	if err := counted.walk(t.Context(), list, "app"); err != nil {
		t.Fatal(err)
	}
	o := counted.outcome()
	last := list[most-1]
	if o.Complete || o.Looked != most || o.Applied != most || !o.Reached.Equal(last.Request.Time) {
		t.Errorf("looked at %d, back to %v (want %v), complete %v", o.Looked, o.Reached, last.Request.Time, o.Complete)
	}
	if len(o.Calls) != maxOutcomes {
		t.Errorf("%d calls are listed", len(o.Calls))
	}
}

// slow gives two calls and then nothing.
type slow struct{ list calls }

func (s slow) Calls(ctx context.Context, span Span, each func(*wire.Event) error) error {
	if err := s.list.Calls(ctx, span, each); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestADryRunIsBoundedInTime(t *testing.T) {
	r := stored(t) // its database is not for a bubble
	list := calls{past(1, func(*wire.Event) {}), past(2, func(*wire.Event) {})}
	synctest.Test(t, func(t *testing.T) {
		r := &Rules{trying: make(chan struct{}, 1), clock: r.clock}
		begun := time.Now()
		o, err := r.DryRun(t.Context(), slow{list}, "app", anyone(), noon.Add(-time.Hour), noon)
		if err != nil || o.Complete || o.Applied != 2 || !o.Reached.Equal(list[1].Request.Time) || time.Since(begun) != dryRunTime {
			t.Errorf("got %+v (%v) after %v", o, err, time.Since(begun))
		}
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		if _, err := r.DryRun(ctx, slow{list}, "app", anyone(), noon.Add(-time.Hour), noon); !errors.Is(err, context.Canceled) {
			t.Errorf("given up: %v", err)
		}
	})
}

func TestABrokenRuleOrStoreIsNoOutcome(t *testing.T) {
	r := stored(t)
	var invalid *InvalidError
	if _, err := r.DryRun(t.Context(), calls{}, "app", when(anyone(), "request.verb", "("), noon, noon); !errors.As(err, &invalid) {
		t.Errorf("got %v", err)
	}
	broken := errors.New("down")
	list := calls{past(1, func(*wire.Event) {})}
	if _, err := r.DryRun(t.Context(), failing{list, broken}, "app", anyone(), noon.Add(-time.Hour), noon); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type failing struct {
	calls
	err error
}

func (f failing) Calls(ctx context.Context, s Span, each func(*wire.Event) error) error {
	return errors.Join(f.calls.Calls(ctx, s, each), f.err)
}

func TestAPreviewIsWhatTheCustomerGets(t *testing.T) {
	r := stored(t)
	u := userRule("r", "ada")
	u.Wire.Variables = []wire.Variable{{Name: "plan", Path: "body.plan"}}
	u.Wire.Response = wire.RuleResponse{Status: 402, Headers: map[string]string{"X-Plan": "{{plan}}"}, Body: []byte(`{"error":"{{plan|no}} plan","n":1}`)}
	u.Customers[0].Values = map[string]string{"plan": "fr\"ee"}
	others := u
	others.Wire.AppliedTo = "not_matching"
	tagless := when(anyone(), "request.verb", "PUT")
	for name, c := range map[string]struct {
		rule     Rule
		customer string
		values   map[string]string
		applies  bool
		body     string
		header   string
	}{
		"a member":             {u, "ada", nil, true, `{"error":"fr\"ee plan","n":1}`, `fr"ee`},
		"as a member":          {u, "bob", map[string]string{"plan": "gold"}, false, `{"error":"gold plan","n":1}`, "gold"},
		"nobody":               {u, "", nil, false, `{"error":"no plan","n":1}`, "UNKNOWN"},
		"one of the others":    {others, "bob", map[string]string{"plan": "gold"}, true, `{"error":"no plan","n":1}`, "UNKNOWN"},
		"who is exempt":        {others, "ada", nil, false, `{"error":"fr\"ee plan","n":1}`, `fr"ee`},
		"whoever calls":        {tagless, "ada", nil, true, `{}`, ""},
		"nobody in particular": {tagless, "", nil, true, `{}`, ""},
	} {
		p, err := r.Preview(t.Context(), testApp.ID, c.rule, c.customer, c.values)
		if err != nil {
			t.Fatal(err)
		}
		header := ""
		for _, h := range p.Decision.Headers {
			if h.Name == "X-Plan" {
				header = h.Value
			}
		}
		if p.Applies != c.applies || !p.Decision.Blocked || string(p.Decision.Body) != c.body || header != c.header {
			t.Errorf("%s: applies %v, %+v %s", name, p.Applies, p.Decision, p.Decision.Body)
		}
	}
	var invalid *InvalidError
	if _, err := r.Preview(t.Context(), testApp.ID, when(anyone(), "x", "y"), "", nil); !errors.As(err, &invalid) {
		t.Errorf("got %v", err)
	}
	if !reflect.DeepEqual(u.Customers, []Customer{{"ada", map[string]string{"plan": "fr\"ee"}}}) || strings.Contains(u.Wire.ID, "draft") {
		t.Error("the rule was changed")
	}
}
