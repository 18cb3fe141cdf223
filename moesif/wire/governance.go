package wire

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/gatemeter/gatemeter/moesif/scan"
)

// AppConfig is the document of GET /v1/config (Moesif wire 3.1). Its JSON always
// has every key: maps are {} and lists [], never null.
type AppConfig struct {
	OrgID                    string               `json:"org_id"`
	AppID                    string               `json:"app_id"`
	SampleRate               int                  `json:"sample_rate"` // percent
	BlockBotTraffic          bool                 `json:"block_bot_traffic"`
	UserSampleRate           map[string]int       `json:"user_sample_rate"`    // percent by user id
	CompanySampleRate        map[string]int       `json:"company_sample_rate"` // percent by company id
	UserRules                map[string][]RuleRef `json:"user_rules"`
	CompanyRules             map[string][]RuleRef `json:"company_rules"`
	IPAddressesBlockedByName map[string]string    `json:"ip_addresses_blocked_by_name"`
	RegexConfig              []RegexGroup         `json:"regex_config"` // sampling
	BillingConfigJSONs       map[string]string    `json:"billing_config_jsons"`
}

// RuleRef says that a customer is in the cohort of a rule, with the values of
// its variables.
type RuleRef struct {
	Rules  string            `json:"rules"`  // the _id of one rule
	Values map[string]string `json:"values"` // by the variable's name
}

// RegexGroup holds conditions that must all match; a list of groups matches when
// one of them does.
type RegexGroup struct {
	Conditions []Condition `json:"conditions"`
	SampleRate *int        `json:"sample_rate,omitempty"` // percent; for sampling only
}

// Condition is a regular expression, not anchored, on one field of the request.
type Condition struct {
	Path  string `json:"path"`
	Value string `json:"value"`
}

// Rule is an element of GET /v1/rules (Moesif wire 4.1). Its JSON always has
// every key.
type Rule struct {
	ID                    string       `json:"_id"`
	CreatedAt             time.Time    `json:"created_at"`
	OrgID                 string       `json:"org_id"`
	AppID                 string       `json:"app_id"`
	Name                  string       `json:"name"`
	Type                  string       `json:"type"` // user, company, regex
	Block                 bool         `json:"block"`
	AppliedTo             string       `json:"applied_to"` // matching, not_matching
	AppliedToUnidentified bool         `json:"applied_to_unidentified"`
	Variables             []Variable   `json:"variables"`
	RegexConfig           []RegexGroup `json:"regex_config"`
	Response              RuleResponse `json:"response"`
}

// Variable names a value that the platform resolves for each customer.
type Variable struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

// RuleResponse is what a rule answers with.
type RuleResponse struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"` // any JSON value; nil is written as {}
}

// MarshalJSON writes the document with no null in it.
func (c AppConfig) MarshalJSON() ([]byte, error) {
	type plain AppConfig
	p := plain(c)
	p.UserSampleRate = notNil(p.UserSampleRate)
	p.CompanySampleRate = notNil(p.CompanySampleRate)
	p.UserRules = rulesOf(p.UserRules)
	p.CompanyRules = rulesOf(p.CompanyRules)
	p.IPAddressesBlockedByName = notNil(p.IPAddressesBlockedByName)
	p.RegexConfig = conditionsOf(p.RegexConfig)
	p.BillingConfigJSONs = notNil(p.BillingConfigJSONs)
	return json.Marshal(p)
}

// MarshalJSON writes the values as {} when there are none.
func (f RuleRef) MarshalJSON() ([]byte, error) {
	type plain RuleRef
	p := plain(f)
	p.Values = notNil(p.Values)
	return json.Marshal(p)
}

// MarshalJSON writes the rule with no null in it, and applied_to as matching
// when it is not set.
func (u Rule) MarshalJSON() ([]byte, error) {
	type plain Rule
	p := plain(u)
	if p.AppliedTo == "" {
		p.AppliedTo = "matching"
	}
	if p.Variables == nil {
		p.Variables = []Variable{}
	}
	p.RegexConfig = conditionsOf(p.RegexConfig)
	p.Response.Headers = notNil(p.Response.Headers)
	if len(p.Response.Body) == 0 {
		p.Response.Body = json.RawMessage("{}")
	}
	return json.Marshal(p)
}

func notNil[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

// rulesOf returns m with no nil list in it.
func rulesOf(m map[string][]RuleRef) map[string][]RuleRef {
	out := make(map[string][]RuleRef, len(m))
	for id, refs := range m {
		if refs == nil {
			refs = []RuleRef{}
		}
		out[id] = refs
	}
	return out
}

// conditionsOf returns groups with no nil list in them.
func conditionsOf(groups []RegexGroup) []RegexGroup {
	out := make([]RegexGroup, len(groups))
	for i, g := range groups {
		if g.Conditions == nil {
			g.Conditions = []Condition{}
		}
		out[i] = g
	}
	return out
}

// DecodeAppConfig reads the document of GET /v1/config. A missing sample_rate is
// 100; what else is missing is empty.
func DecodeAppConfig(data []byte) (AppConfig, error) {
	c := AppConfig{SampleRate: 100}
	err := c.read(data, fields{
		"user_sample_rate":    &c.UserSampleRate,
		"company_sample_rate": &c.CompanySampleRate,
		"user_rules":          &c.UserRules,
		"company_rules":       &c.CompanyRules,
	})
	if err != nil {
		return AppConfig{}, err
	}
	return c, nil
}

// Customers takes what a configuration says of users, or of companies: one after
// the other, in the order of the document. Of what is said of one customer twice
// the later counts.
type Customers interface {
	Rate(id string, percent int)     // of user_sample_rate, company_sample_rate
	Rules(id string, refs []RuleRef) // of user_rules, company_rules; refs are valid during the call
}

// DecodeCustomers is DecodeAppConfig for those who keep customers in a way of
// their own: the four maps by customer stay nil. After an error users and
// companies may have been told a part.
func DecodeCustomers(data []byte, users, companies Customers) (AppConfig, error) {
	c := AppConfig{SampleRate: 100}
	err := c.read(data, fields{
		"user_sample_rate":    eachRate(users.Rate),
		"company_sample_rate": eachRate(companies.Rate),
		"user_rules":          eachRules(users.Rules),
		"company_rules":       eachRules(companies.Rules),
	})
	if err != nil {
		return AppConfig{}, err
	}
	return c, nil
}

type (
	eachRate  func(id string, percent int)
	eachRules func(id string, refs []RuleRef)
)

// read reads the document into c, and what it says of customers into f.
func (c *AppConfig) read(data []byte, f fields) error {
	f["org_id"], f["app_id"] = &c.OrgID, &c.AppID
	f["sample_rate"], f["block_bot_traffic"] = &c.SampleRate, &c.BlockBotTraffic
	f["ip_addresses_blocked_by_name"] = &c.IPAddressesBlockedByName
	f["regex_config"], f["billing_config_jsons"] = &c.RegexConfig, &c.BillingConfigJSONs
	return read(data, "config", func(r *reader, t scan.Token) error {
		if t.Kind != scan.BeginObject {
			return errors.New("config: must be an object (got " + t.Kind.String() + ")")
		}
		return r.fields(t, "config", f)
	})
}

// DecodeRules reads the document of GET /v1/rules, an array: null is an error,
// [] means that there are no rules. Every rule must have an _id.
func DecodeRules(data []byte) ([]Rule, error) {
	rules := []Rule{}
	err := read(data, "rules", func(r *reader, t scan.Token) error {
		if t.Kind != scan.BeginArray {
			return errors.New("rules: must be an array (got " + t.Kind.String() + ")")
		}
		return r.elements(t, "rules", func(t scan.Token) error {
			u, err := r.rule(t)
			rules = append(rules, u)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return rules, nil
}

// DecodeRule reads one rule.
func DecodeRule(data []byte) (Rule, error) {
	var u Rule
	err := read(data, "rule", func(r *reader, t scan.Token) (err error) {
		u, err = r.rule(t)
		return err
	})
	if err != nil {
		return Rule{}, err
	}
	return u, nil
}

func (r *reader) rule(t scan.Token) (Rule, error) {
	u := Rule{AppliedTo: "matching"}
	err := r.fields(t, "rule", fields{
		"_id":                     &u.ID,
		"created_at":              &u.CreatedAt,
		"org_id":                  &u.OrgID,
		"app_id":                  &u.AppID,
		"name":                    &u.Name,
		"type":                    &u.Type,
		"block":                   &u.Block,
		"applied_to":              &u.AppliedTo,
		"applied_to_unidentified": &u.AppliedToUnidentified,
		"variables":               &u.Variables,
		"regex_config":            &u.RegexConfig,
		"response": fields{
			"status":  &u.Response.Status,
			"headers": &u.Response.Headers,
			"body":    (*anyJSON)(&u.Response.Body),
		},
	})
	if err == nil && u.ID == "" {
		err = errors.New("_id: missing")
	}
	if u.AppliedTo == "" {
		u.AppliedTo = "matching"
	}
	return u, err
}

func (r *reader) eachRules(take eachRules, t scan.Token, name string) error {
	return r.members(t, name, func(key []byte, t scan.Token) (err error) {
		if t.Kind == scan.Null {
			return nil
		}
		id := string(key)
		if r.refs, err = r.ruleRefs(r.refs[:0], t); err != nil {
			return within(name+"."+id, err)
		}
		take(id, r.refs)
		return nil
	})
}

// ruleRefs appends the elements of an array to refs, and uses again the maps that
// lie behind its end.
func (r *reader) ruleRefs(refs []RuleRef, t scan.Token) ([]RuleRef, error) {
	err := r.elements(t, "", func(t scan.Token) error {
		if len(refs) < cap(refs) {
			refs = refs[:len(refs)+1]
		} else {
			refs = append(refs, RuleRef{})
		}
		return r.ruleRef(&refs[len(refs)-1], t)
	})
	return refs, err
}

func (r *reader) ruleRef(ref *RuleRef, t scan.Token) error {
	ref.Rules = ""
	clear(ref.Values)
	return r.members(t, "", func(key []byte, t scan.Token) error {
		switch string(key) {
		case "rules":
			text, err := r.scalar(t, "")
			ref.Rules = r.word(text)
			return within(".rules", err)
		case "values":
			if ref.Values == nil {
				ref.Values = map[string]string{}
			}
			clear(ref.Values)
			return within(".values", r.members(t, "", func(key []byte, t scan.Token) error {
				if t.Kind == scan.Null {
					return nil
				}
				name := r.word(key)
				text, err := r.scalar(t, "")
				ref.Values[name] = string(text)
				return within("."+name, err)
			}))
		}
		return r.skip(t)
	})
}

// mostWords bounds reader.words.
const mostWords = 1 << 12

// word returns text as a string, made once while there are not too many.
func (r *reader) word(text []byte) string {
	if known, ok := r.words[string(text)]; ok {
		return known
	}
	word := string(text)
	if r.words == nil {
		r.words = map[string]string{}
	}
	if len(r.words) < mostWords {
		r.words[word] = word
	}
	return word
}

func (r *reader) variables(dst *[]Variable, t scan.Token, name string) error {
	*dst = []Variable{}
	return r.elements(t, name, func(t scan.Token) error {
		var v Variable
		err := r.fields(t, name, fields{"name": &v.Name, "path": &v.Path})
		*dst = append(*dst, v)
		return err
	})
}

func (r *reader) regexGroups(dst *[]RegexGroup, t scan.Token, name string) error {
	*dst = []RegexGroup{}
	return r.elements(t, name, func(t scan.Token) error {
		g := RegexGroup{Conditions: []Condition{}}
		err := r.members(t, name, func(key []byte, t scan.Token) error {
			switch string(key) {
			case "sample_rate":
				return r.into(&g.SampleRate, t, name+".sample_rate")
			case "conditions":
				return r.elements(t, name+".conditions", func(t scan.Token) error {
					var c Condition
					err := r.fields(t, name+".conditions", fields{"path": &c.Path, "value": &c.Value})
					g.Conditions = append(g.Conditions, c)
					return err
				})
			}
			return r.skip(t)
		})
		*dst = append(*dst, g)
		return err
	})
}
