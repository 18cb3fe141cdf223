package rule

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// read returns the configuration as a gateway gets it: from its document.
func read(t testing.TB, config wire.AppConfig) *Config {
	t.Helper()
	data, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ReadConfig(data)
	if err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return c
}

func TestWhatIsSaidTwiceCountsOnce(t *testing.T) {
	c, err := ReadConfig([]byte(`{"user_sample_rate":{"u":1,"v":2,"u":3,"v":null},"user_rules":{"u":[{"rules":"1","values":{"n":"a","n":"b"}}],"w":[{"rules":"1"}],"w":[]},
		"company_rules":{"u":[{"rules":"2"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	s := c.Compile([]wire.Rule{
		{ID: "1", Type: "user", Block: true, Variables: []wire.Variable{{Name: "n"}}, Response: wire.RuleResponse{Headers: map[string]string{"X-N": "{{n}}"}}},
		{ID: "2", Type: "company", Block: true},
	}, Options{})
	for _, want := range []struct {
		r       Subject
		decided string
		rate    int
	}{
		{Subject{UserID: "u"}, "429 by 1", 3}, {Subject{UserID: "v"}, "pass", 2}, {Subject{UserID: "w"}, "pass", 100}, {Subject{CompanyID: "u"}, "429 by 2", 100},
	} {
		d := s.Decide(&want.r)
		if d.Body, d.Headers = nil, nil; outcome(d) != want.decided || s.SampleRate(&want.r) != want.rate {
			t.Errorf("%+v: %s, rate %d", want.r, outcome(d), s.SampleRate(&want.r))
		}
	}
	if d := s.Decide(&Subject{UserID: "u"}); !slices.Equal(d.Headers, []wire.Header{{Name: "X-N", Value: "b"}}) {
		t.Errorf("headers %v", d.Headers)
	}
	if users, companies := c.Customers(); users != 3 || companies != 1 {
		t.Errorf("%d users, %d companies", users, companies)
	}
}

func TestUnreadableConfigurations(t *testing.T) {
	for data, want := range map[string]string{
		`null`:                          `config: must be an object (got null)`,
		`{"user_rules":{"u":`:           `config: scan: the document ends too early`,
		`{"user_rules":{"u":{"a":1}}}`:  `user_rules.u: must be an array (got an object)`,
		`{"user_sample_rate":{"u":{}}}`: `user_sample_rate.u: must be a string (got an object)`,
	} {
		if _, err := ReadConfig([]byte(data)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", data, err, want)
		}
	}
}

// One configuration serves many Sets, with rules that come and go.
func TestRulesChangeUnderOneConfiguration(t *testing.T) {
	config, rules := big(50, 30, 0, nil)
	c := read(t, config)
	for n := range rules {
		some := slices.Concat(rules[n:], rules[:n/2])
		got, want := c.Compile(some, Options{}), Compile(config, some, Options{})
		if !slices.Equal(got.Problems(), want.Problems()) {
			t.Fatalf("problems %q, want %q", got.Problems(), want.Problems())
		}
		for i := range 60 {
			r := &Subject{UserID: "user-" + strconv.Itoa(i), CompanyID: "company-" + strconv.Itoa(60-i), Route: fmt.Sprintf("/v1/plan-%d/x", i%30)}
			if err := sameDecision(got.Decide(r), want.Decide(r)); err != nil {
				t.Fatalf("%+v: %v", r, err)
			}
			if got.SampleRate(r) != want.SampleRate(r) {
				t.Fatalf("%+v: rate %d, want %d", r, got.SampleRate(r), want.SampleRate(r))
			}
		}
	}
}

// More rules with not_matching than a bitset holds.
func TestCustomersAreExemptFromManyRules(t *testing.T) {
	const n = 2*most + 100
	var rules []wire.Rule
	var refs []wire.RuleRef
	for i := range n {
		id := strconv.Itoa(i)
		rules = append(rules, wire.Rule{ID: id, Type: "user", Block: true, AppliedTo: notMatching})
		refs = append(refs, wire.RuleRef{Rules: id})
	}
	for _, out := range []int{0, 1, most - 1, most, most + 1, 2*most - 1, 2 * most, n - 1} {
		s := read(t, wire.AppConfig{SampleRate: 100, UserRules: map[string][]wire.RuleRef{"u": slices.Concat(refs[out+1:], refs[:out]), "all": refs}}).Compile(rules, Options{})
		if got, want := s.Decide(&Subject{UserID: "u"}).BlockedBy, strconv.Itoa(out); got != want {
			t.Errorf("not in the cohort of %s, blocked by %q", want, got)
		}
		if d := s.Decide(&Subject{UserID: "all"}); d.Blocked {
			t.Errorf("in all cohorts, blocked by %q", d.BlockedBy)
		}
		if d := s.Decide(&Subject{UserID: "nobody"}); d.BlockedBy != strconv.Itoa(n-1) {
			t.Errorf("in no cohort, blocked by %q", d.BlockedBy)
		}
	}
}

// heap is the bytes and the objects that are in use.
func heap() (bytes, objects int64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what a finalizer held
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), int64(m.HeapObjects) // #nosec G115 -- far below
}

// kept returns what a Set made of this document takes, in bytes and objects.
func kept(t testing.TB, document []byte, rules []wire.Rule) (s *Set, bytes, objects int64) {
	t.Helper()
	bytes, objects = heap()
	c, err := ReadConfig(document)
	if err != nil {
		t.Fatal(err)
	}
	s = c.Compile(rules, Options{})
	b, o := heap()
	return s, b - bytes, o - objects
}

// Customers take tens of bytes each, and give a garbage collector nothing to
// follow.
func TestCustomersTakeLittleMemory(t *testing.T) {
	const few, many = 1000, 21_000
	for _, c := range []struct {
		name string
		most int64 // bytes of each customer
		same bool  // values as others have
	}{
		{"values of a few plans", 48, true}, {"values of their own", 90, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var bytes, objects [2]int64
			for i, n := range []int{few, many} {
				config, rules := big(n, 90, 0, nil)
				for id, refs := range config.UserRules {
					for k := range refs {
						if !c.same {
							refs[k].Values["0"] = "quota of " + id
						}
					}
				}
				document, err := json.Marshal(config)
				if err != nil {
					t.Fatal(err)
				}
				var s *Set
				s, bytes[i], objects[i] = kept(t, document, rules)
				runtime.KeepAlive(s)
				runtime.KeepAlive(document)
				runtime.KeepAlive(config)
				runtime.KeepAlive(rules)
			}
			per := (bytes[1] - bytes[0]) / (2 * (many - few))
			if t.Logf("%d bytes per customer, %d objects more", per, objects[1]-objects[0]); per > c.most || per <= 0 || objects[1]-objects[0] > 100 {
				t.Errorf("%d bytes per customer (at most %d), %d objects more with %d more customers", per, c.most, objects[1]-objects[0], 2*(many-few))
			}
		})
	}
}
