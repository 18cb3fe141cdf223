package rule

import (
	"encoding/binary"
	"slices"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Config is a configuration as rules need it, in a fraction of the memory that
// the decoded document takes, and almost without pointers. Sets that are compiled
// with it share it. It never changes and is safe for concurrent use.
type Config struct {
	global           wire.AppConfig // without what it says of customers
	users, companies customers
	rules            texts // the _ids that customers refer to
	lists            texts // of references, see cutRef
	values           texts // names with their values, see valueOf
}

// customers are what a configuration says of users, or of companies.
type customers struct {
	ids   texts
	rates []uint8  // percent, or none, by number of the id; those behind the end have none
	lists []uint32 // number of the list plus one, 0 for none, by number of the id; as above
	wrong []int    // rates that are no percentage, ascending
}

// none stands for a rate that is not given.
const none = 255

// ReadConfig reads the document of GET /v1/config, as wire.DecodeAppConfig does.
// Nothing of data is kept.
func ReadConfig(data []byte) (*Config, error) {
	var b builder
	users, companies := enrolment{builder: &b}, enrolment{builder: &b}
	global, err := wire.DecodeCustomers(data, &users, &companies)
	if err != nil {
		return nil, err
	}
	return b.config(global, &users, &companies), nil
}

// newConfig makes a Config of a document that is decoded already. Nothing that
// can change is kept of what it says of customers.
func newConfig(global wire.AppConfig) *Config {
	var b builder
	users, companies := enrolment{builder: &b}, enrolment{builder: &b}
	users.all(global.UserSampleRate, global.UserRules)
	companies.all(global.CompanySampleRate, global.CompanyRules)
	return b.config(global, &users, &companies)
}

// Customers is the number of users and of companies that the configuration names.
func (c *Config) Customers() (users, companies int) {
	return c.users.ids.count(), c.companies.ids.count()
}

// refs returns the references of a customer, for cutRef.
func (c *Config) refs(of *customers, id string) string {
	number, ok := of.ids.find(id)
	if !ok || int(number) >= len(of.lists) || of.lists[number] == 0 {
		return ""
	}
	return c.lists.at(of.lists[number] - 1)
}

// references counts how often customers refer to each rule, by its number.
func (c *Config) references(of *customers) []int {
	times := make([]int, c.lists.count())
	for _, list := range of.lists {
		if list > 0 {
			times[list-1]++
		}
	}
	counts := make([]int, c.rules.count())
	for list, n := range times {
		for left := c.lists.at(uint32(list)); n > 0 && left != ""; { // #nosec G115 -- as above
			var to ref
			to, left = cutRef(left)
			counts[to.rule] += n
		}
	}
	return counts
}

// rate returns the percentage that a customer has.
func (c *customers) rate(id string) (percent int, ok bool) {
	number, ok := c.ids.find(id)
	if !ok || int(number) >= len(c.rates) || c.rates[number] == none {
		return 0, false
	}
	return int(c.rates[number]), true
}

// ref says that a customer is in the cohort of a rule.
type ref struct {
	rule   uint32 // number in Config.rules
	values uint32 // number in Config.values, plus one; 0: all missing
}

// refSize is how many bytes a reference takes in a list: two numbers, the low
// byte first.
const refSize = 8

// cutRef returns the first reference of a list, and the rest.
func cutRef(list string) (r ref, rest string) {
	_ = list[refSize-1]
	r.rule = uint32(list[0]) | uint32(list[1])<<8 | uint32(list[2])<<16 | uint32(list[3])<<24
	r.values = uint32(list[4]) | uint32(list[5])<<8 | uint32(list[6])<<16 | uint32(list[7])<<24
	return r, list[refSize:]
}

// valueOf looks up a name among values. What is missing is empty.
func valueOf(values, name string) string {
	for values != "" {
		var n, v string
		n, values = cutText(values)
		v, values = cutText(values)
		if n == name {
			return v
		}
	}
	return ""
}

// builder makes a Config.
type builder struct {
	rules, lists, values gatherer
	list, text           []byte   // scratch
	names                []string // scratch
}

func (b *builder) config(global wire.AppConfig, users, companies *enrolment) *Config {
	global.UserSampleRate, global.CompanySampleRate = nil, nil
	global.UserRules, global.CompanyRules = nil, nil
	global.BillingConfigJSONs = nil
	return &Config{
		global: global, users: users.customers(), companies: companies.customers(),
		rules: b.rules.lookedUp(), lists: b.lists.texts(), values: b.values.texts(),
	}
}

// enrolment makes customers.
type enrolment struct {
	*builder
	ids   gatherer
	rates []uint8
	refs  []uint32
	wrong []int
}

var _ wire.Customers = (*enrolment)(nil)

func (e *enrolment) all(rates map[string]int, rules map[string][]wire.RuleRef) {
	for id, percent := range rates {
		e.Rate(id, percent)
	}
	for id, refs := range rules {
		e.Rules(id, refs)
	}
}

// Rate implements wire.Customers.
func (e *enrolment) Rate(id string, percent int) {
	clamped := min(max(percent, 0), 100)
	if clamped != percent {
		e.wrong = append(e.wrong, percent)
	}
	number := e.number(id)
	for len(e.rates) <= number {
		e.rates = append(e.rates, none)
	}
	e.rates[number] = uint8(clamped) // #nosec G115 -- 0 to 100
}

// Rules implements wire.Customers.
func (e *enrolment) Rules(id string, refs []wire.RuleRef) {
	e.list = e.list[:0]
	for i := range refs {
		e.text = append(e.text[:0], refs[i].Rules...)
		e.list = binary.LittleEndian.AppendUint32(e.list, e.rules.add(e.text))
		e.list = binary.LittleEndian.AppendUint32(e.list, e.kept(refs[i].Values))
	}
	number := e.number(id)
	for len(e.refs) <= number {
		e.refs = append(e.refs, 0)
	}
	e.refs[number] = e.lists.add(e.list) + 1
}

func (e *enrolment) number(id string) int {
	e.text = append(e.text[:0], id...)
	return int(e.ids.add(e.text))
}

// kept stores values as valueOf finds them, and returns their number plus one; 0 is
// for none.
func (b *builder) kept(values map[string]string) uint32 {
	b.names = b.names[:0]
	for name, value := range values {
		if value != "" {
			b.names = append(b.names, name)
		}
	}
	if len(b.names) == 0 {
		return 0
	}
	slices.Sort(b.names)
	b.text = b.text[:0]
	for _, name := range b.names {
		b.text = appendText(appendText(b.text, name), values[name])
	}
	return b.values.add(b.text) + 1
}

func (e *enrolment) customers() customers {
	slices.Sort(e.wrong)
	return customers{ids: e.ids.lookedUp(), rates: slices.Clone(e.rates), lists: slices.Clone(e.refs), wrong: e.wrong}
}
