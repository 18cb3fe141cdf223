package rules

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// ErrNotFound says that an application has no such rule.
var ErrNotFound = errors.New("no such rule")

// What a rule applies to.
const (
	typeRegex   = "regex"
	typeUser    = "user"
	typeCompany = "company"
)

// Rule is a governance rule as it is edited. Wire is what is served of it; its
// ids and its time are set by the platform.
type Rule struct {
	Wire      wire.Rule
	State     State
	StateAt   time.Time  // since when it is in this state; UTC, microseconds
	Customers []Customer // by id: users or companies, as the rule's type says
	Cohort    string     // id of the cohort whose members are the customers; then there are no Customers here
	UpdatedAt time.Time  // UTC, microseconds
}

// State says what is done with a rule.
type State string

// States of a rule.
const (
	Off    State = "off"
	Shadow State = "shadow" // not served: what it would do is told of the calls that arrive
	On     State = "on"     // served
)

// Customer is a member of a rule's cohort.
type Customer struct {
	ID     string            `json:"id"`
	Values map[string]string `json:"values"` // of the rule's variables, by their names
}

// Config is an application's configuration as it is edited. Rates are percent.
type Config struct {
	SampleRate               int               `json:"sample_rate"`
	UserSampleRate           map[string]int    `json:"user_sample_rate"`    // by user id
	CompanySampleRate        map[string]int    `json:"company_sample_rate"` // by company id
	RegexConfig              []wire.RegexGroup `json:"regex_config"`        // for sampling
	BlockBotTraffic          bool              `json:"block_bot_traffic"`
	IPAddressesBlockedByName map[string]string `json:"ip_addresses_blocked_by_name"`
}

// DefaultConfig is the configuration of an application that has set none.
func DefaultConfig() Config { return Config{SampleRate: 100}.normal() }

// normal returns the rule with defaults instead of what is left out, and its
// customers in order.
func (u Rule) normal() Rule {
	w := &u.Wire
	w.Name = strings.TrimSpace(w.Name)
	u.State = cmp.Or(u.State, Off)
	if w.AppliedTo == "" {
		w.AppliedTo = "matching"
	}
	if w.Block && w.Response.Status == 0 {
		w.Response.Status = http.StatusTooManyRequests
	}
	w.Variables = notNil(w.Variables)
	w.RegexConfig = groups(w.RegexConfig)
	if w.Response.Headers == nil {
		w.Response.Headers = map[string]string{}
	}
	if body := strings.TrimSpace(string(w.Response.Body)); body == "" || body == "null" {
		w.Response.Body = []byte("{}")
	}
	u.Customers = slices.Clone(notNil(u.Customers))
	for i := range u.Customers {
		if u.Customers[i].Values == nil {
			u.Customers[i].Values = map[string]string{}
		}
	}
	slices.SortFunc(u.Customers, func(a, b Customer) int { return cmp.Compare(a.ID, b.ID) })
	return u
}

// normal returns the configuration with empty lists and maps instead of nil.
func (c Config) normal() Config {
	if c.UserSampleRate == nil {
		c.UserSampleRate = map[string]int{}
	}
	if c.CompanySampleRate == nil {
		c.CompanySampleRate = map[string]int{}
	}
	if c.IPAddressesBlockedByName == nil {
		c.IPAddressesBlockedByName = map[string]string{}
	}
	c.RegexConfig = groups(c.RegexConfig)
	return c
}

func groups(list []wire.RegexGroup) []wire.RegexGroup {
	list = slices.Clone(notNil(list))
	for i := range list {
		list[i].Conditions = notNil(list[i].Conditions)
	}
	return list
}

func notNil[E any](list []E) []E {
	if list == nil {
		return []E{}
	}
	return list
}

// newID makes an id like Moesif's: 24 hexadecimal characters, seconds first.
func newID(now time.Time) string {
	var id [12]byte
	binary.BigEndian.PutUint32(id[:], uint32(now.Unix())) // #nosec G115 -- wraps in 2106
	_, _ = rand.Read(id[4:])                              // never fails
	return hex.EncodeToString(id[:])
}
