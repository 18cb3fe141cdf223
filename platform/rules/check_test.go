package rules

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/moesif/rule"
	"github.com/gatemeter/gatemeter/moesif/wire"
)

// fields are those that are wrong, "" for the whole.
func fields(t *testing.T, err error) []string {
	t.Helper()
	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		t.Fatalf("got %v", err)
	}
	var list []string
	for _, p := range invalid.Problems {
		if p.Message == "" {
			t.Errorf("%s: no message", p.Field)
		}
		list = append(list, p.Field)
	}
	return list
}

func TestRulesBeyondTheirBoundsAreRefused(t *testing.T) {
	long := func(n int) string { return strings.Repeat("ü", n) }
	for _, c := range []struct {
		name   string
		change func(u *Rule)
		wrong  string // "" for nothing
	}{
		{"as it is", func(*Rule) {}, ""},
		{"the longest name", func(u *Rule) { u.Wire.Name = long(200) }, ""},
		{"a longer name", func(u *Rule) { u.Wire.Name = long(201) }, "name"},
		{"no name", func(u *Rule) { u.Wire.Name = " \n" }, "name"},
		{"the largest body", func(u *Rule) { u.Wire.Response.Body = []byte(`"` + strings.Repeat("a", maxBody-2) + `"`) }, ""},
		{"a larger body", func(u *Rule) { u.Wire.Response.Body = []byte(`"` + strings.Repeat("a", maxBody-1) + `"`) }, "response.body"},
		{"no JSON", func(u *Rule) { u.Wire.Response.Body = []byte(`{`) }, "response.body"},
		{"a status that is none", func(u *Rule) { u.Wire.Block = false; u.Wire.Response.Status = 199 }, "response.status"},
		{"a long header", func(u *Rule) { u.Wire.Response.Headers = map[string]string{"X-Long": long(4097)} }, "response.headers.X-Long"},
		{"many headers", func(u *Rule) {
			u.Wire.Response.Headers = map[string]string{}
			for i := range 101 {
				u.Wire.Response.Headers[fmt.Sprint("X-", i)] = ""
			}
		}, "response.headers"},
		{"many variables", func(u *Rule) {
			for i := range 101 {
				u.Wire.Variables = append(u.Wire.Variables, wire.Variable{Name: fmt.Sprint(i), Path: "p"})
			}
		}, "variables"},
		{"a variable without a path", func(u *Rule) { u.Wire.Variables = []wire.Variable{{Name: "0"}} }, "variables[0].path"},
		{"many groups", func(u *Rule) { u.Wire.RegexConfig = make([]wire.RegexGroup, 101) }, "regex_config"},
		{"many conditions", func(u *Rule) {
			u.Wire.RegexConfig = []wire.RegexGroup{{}, {Conditions: slices.Repeat([]wire.Condition{{Path: "request.verb", Value: "a"}}, 101)}}
		}, "regex_config[1].conditions"},
		{"a long expression", func(u *Rule) {
			u.Wire.RegexConfig = []wire.RegexGroup{{Conditions: []wire.Condition{{Path: "request.verb"}, {Path: "request.verb", Value: long(4097)}}}}
		}, "regex_config[0].conditions[1].value"},
		{"a customer without an id", func(u *Rule) { u.Customers = []Customer{{ID: "a"}, {}} }, "customers[1].id"},
		{"the longest id", func(u *Rule) { u.Customers = []Customer{{ID: long(1024)}} }, ""},
		{"a longer id", func(u *Rule) { u.Customers = []Customer{{ID: long(1025)}} }, "customers[0].id"},
		{"an id with a line end", func(u *Rule) { u.Customers = []Customer{{ID: "a\n"}} }, "customers[0].id"},
		{"a customer twice", func(u *Rule) { u.Customers = []Customer{{ID: "b"}, {ID: "a"}, {ID: "b"}} }, "customers[2].id"},
		{"a long value", func(u *Rule) {
			u.Wire.Variables = []wire.Variable{{Name: "0", Path: "p"}}
			u.Customers = []Customer{{"b", map[string]string{"0": long(4097)}}}
		}, "customers[0].values.0"},
		{"a value of no variable", func(u *Rule) { u.Customers = []Customer{{"b", map[string]string{"0": ""}}} }, "customers[0].values.0"},
		{"customers of nobody", func(u *Rule) { u.Wire.Type = typeRegex; u.Customers = []Customer{{ID: "a"}} }, "customers"},
		{"many customers", func(u *Rule) { u.Customers = make([]Customer, MaxCustomers+1) }, "customers"},
	} {
		u := userRule("r")
		c.change(&u)
		_, err := checked(u)
		if c.wrong == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if got := fields(t, err); !slices.Equal(got, []string{c.wrong}) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.wrong)
		}
	}
}

func TestEveryProblemIsToldUpToABound(t *testing.T) {
	u := userRule("r", "", "\n", "a", "a")
	u.Wire.RegexConfig = []wire.RegexGroup{{Conditions: []wire.Condition{{}}}}
	_, err := checked(u)
	want := []string{"customers[0].id", "customers[1].id", "customers[3].id", "regex_config[0].conditions[0].path"}
	if got := fields(t, err); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	_, err = checked(Rule{Wire: wire.Rule{Type: typeUser}, Customers: make([]Customer, 1000)})
	if n := len(fields(t, err)); n != maxProblems {
		t.Errorf("%d problems are told", n)
	}
}

func TestConfigurationsBeyondTheirBoundsAreRefused(t *testing.T) {
	ten, many := 10, 101
	conditions := []wire.Condition{{Path: "response.status", Value: "^5"}}
	for _, c := range []struct {
		name   string
		change func(c *Config)
		wrong  string
	}{
		{"as it is", func(*Config) {}, ""},
		{"a rate below 0", func(c *Config) { c.SampleRate = -1 }, "sample_rate"},
		{"a rate above 100", func(c *Config) { c.SampleRate = 101 }, "sample_rate"},
		{"a user's rate", func(c *Config) { c.UserSampleRate = map[string]int{"ada": 101, "bob": 100} }, "user_sample_rate.ada"},
		{"a company's rate", func(c *Config) { c.CompanySampleRate = map[string]int{"acme": -1} }, "company_sample_rate.acme"},
		{"nobody's rate", func(c *Config) { c.UserSampleRate = map[string]int{"": 1} }, "user_sample_rate."},
		{"a group's rate", func(c *Config) { c.RegexConfig = []wire.RegexGroup{{Conditions: conditions, SampleRate: &many}} }, "regex_config[0].sample_rate"},
		{"a group without a rate", func(c *Config) { c.RegexConfig = []wire.RegexGroup{{Conditions: conditions}} }, "regex_config[0].sample_rate"},
		{"a group by status", func(c *Config) { c.RegexConfig = []wire.RegexGroup{{Conditions: conditions, SampleRate: &ten}} }, ""},
		{"a broken expression", func(c *Config) {
			c.RegexConfig = []wire.RegexGroup{{Conditions: []wire.Condition{{Path: "request.verb", Value: "("}}, SampleRate: &ten}}
		}, "regex_config[0].conditions[0].value"},
		{"a name", func(c *Config) { c.IPAddressesBlockedByName = map[string]string{"x": "localhost"} }, "ip_addresses_blocked_by_name.x"},
		{"a network", func(c *Config) { c.IPAddressesBlockedByName = map[string]string{"x": "10.0.0.0/8"} }, "ip_addresses_blocked_by_name.x"},
		{"an address with a zone", func(c *Config) { c.IPAddressesBlockedByName = map[string]string{"x": "fe80::1%eth0"} }, "ip_addresses_blocked_by_name.x"},
		{"an address without a name", func(c *Config) { c.IPAddressesBlockedByName = map[string]string{"": "10.0.0.1"} }, "ip_addresses_blocked_by_name."},
		{"more than gateways take", func(c *Config) {
			c.UserSampleRate = map[string]int{}
			for i := range 10_000 {
				c.UserSampleRate[fmt.Sprint(strings.Repeat("a", 1000), i)] = 1
			}
		}, "whole"},
	} {
		config := DefaultConfig()
		c.change(&config)
		_, err := checkedConfig(config)
		if c.wrong == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if got := fields(t, err); len(got) != 1 || strings.Replace(c.wrong, "whole", "", 1) != got[0] {
			t.Errorf("%s: got %v, want %s", c.name, err, c.wrong)
		}
	}
}

func TestAddressesAreServedAsGatewaysWriteThem(t *testing.T) {
	c, err := checkedConfig(Config{IPAddressesBlockedByName: map[string]string{"4": "::ffff:203.0.113.9", "6": "2001:DB8:0::1"}})
	if err != nil || !maps.Equal(c.IPAddressesBlockedByName, map[string]string{"4": "203.0.113.9", "6": "2001:db8::1"}) {
		t.Errorf("got %v (%v)", c.IPAddressesBlockedByName, err)
	}
}

func TestDocumentsThatGatewaysWouldNotTakeAreRefused(t *testing.T) {
	// What a rule takes is counted in bytes, and rules in number.
	for _, fill := range []struct{ name, statement string }{
		{"bytes", "UPDATE rules SET bytes = 48 << 20"},
		{"rules", `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
			INSERT INTO rules (app, id, document, customers_hash, bytes, updated_at) SELECT 'app', i, '{}', '', 0, 0 FROM n`},
	} {
		r := stored(t)
		id := create(t, r, userRule("r")).Wire.ID
		err := r.db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec(fill.statement)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Create(t.Context(), testApp, userRule("one more"))
		if got := fields(t, err); !slices.Equal(got, []string{""}) {
			t.Errorf("%s: got %v", fill.name, err)
		}
		if _, err := r.Replace(t.Context(), testApp, id, userRule("smaller")); err != nil {
			t.Errorf("%s: %v", fill.name, err)
		}
	}
}

// FuzzWhatIsAcceptedCanBeServed holds that every rule that is accepted is served
// in a form that reads back, and that the engine finds nothing wrong with it.
func FuzzWhatIsAcceptedCanBeServed(f *testing.F) {
	f.Add([]byte(`{"_id":"r","name":"n","type":"user","block":true,"variables":[{"name":"0","path":"p"}],"response":{"status":402,"headers":{"A":"{{0}}"},"body":"x"}}`), "ada", "free")
	f.Add([]byte(`{"_id":"r","name":"n","type":"regex","regex_config":[{"conditions":[{"path":"request.body.a.b","value":"^x"}]}],"response":{"body":[1,{"a":null}]}}`), "", "")
	f.Fuzz(func(t *testing.T, data []byte, id, value string) {
		w, err := wire.DecodeRule(data)
		if err != nil {
			return
		}
		u := Rule{Wire: w, State: On}
		if id != "" {
			u.Customers = []Customer{{id, map[string]string{"0": value}}}
		}
		if u, err = checked(u); err != nil {
			return
		}
		d, err := build(testApp, input{config: DefaultConfig(), rules: []Rule{u}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(d.Rules.Body) || !json.Valid(d.Config.Body) {
			t.Fatalf("served %s and %s", d.Rules.Body, d.Config.Body)
		}
		list, err := wire.DecodeRules(d.Rules.Body)
		if err != nil {
			t.Fatalf("%v in %s", err, d.Rules.Body)
		}
		config, err := wire.DecodeAppConfig(d.Config.Body)
		if err != nil {
			t.Fatalf("%v in %s", err, d.Config.Body)
		}
		if p := rule.Compile(config, list, rule.Options{BlockListedIPs: true}).Problems(); len(p) > 0 {
			t.Fatalf("%v in %s and %s", p, d.Rules.Body, d.Config.Body)
		}
	})
}
