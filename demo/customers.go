package demo

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// Habit is how a customer's calls are spread over time.
type Habit int

// The habits a product owner should be able to tell apart in the console.
const (
	Steady  Habit = iota // the same rate all day
	Spiky                // quiet, then a burst
	Failing              // mostly calls what is broken
	Growing              // a little more every day
	Stopped              // called for days, then no more
)

// Credential is how a customer says who they are.
type Credential int

// The three ways the example configuration identifies a user.
const (
	Basic  Credential = iota // Authorization: Basic, the user name
	Bearer                   // Authorization: Bearer, the claim user.id
	Plain                    // X-User-Id
)

// Company is who pays.
type Company struct {
	ID, Name, Domain, Plan string
}

// Customer is who calls.
type Customer struct {
	ID, Name, Email string
	Company         Company
	Habit           Habit
	Credential      Credential
	PerMinute       float64 // calls per minute, on average
}

var companies = []struct {
	Company
	habit     Habit
	perMinute float64
	people    []string
}{
	{Company{"acme", "Acme Logistics", "acme.example", "enterprise"}, Steady, 14, []string{"alice", "amir", "anna", "arto", "asha"}},
	{Company{"birchwood", "Birchwood Bank", "birchwood.example", "enterprise"}, Steady, 10, []string{"bela", "boris", "bruna", "bao"}},
	{Company{"cobalt", "Cobalt Robotics", "cobalt.example", "growth"}, Growing, 8, []string{"carla", "cem", "chiara", "conor"}},
	{Company{"dune", "Dune Travel", "dune.example", "growth"}, Spiky, 6, []string{"dana", "deniz", "dmitri"}},
	{Company{"elm", "Elm & Oak Furniture", "elm.example", "growth"}, Steady, 5, []string{"edda", "emeka", "elif", "eero"}},
	{Company{"fathom", "Fathom Maps", "fathom.example", "growth"}, Failing, 5, []string{"faye", "felix", "farah"}},
	{Company{"granite", "Granite Insurance", "granite.example", "starter"}, Spiky, 4, []string{"gita", "goran", "grace"}},
	{Company{"harbor", "Harbor Fish Market", "harbor.example", "starter"}, Steady, 3, []string{"hana", "hugo", "hilde"}},
	{Company{"iris", "Iris Eye Clinics", "iris.example", "starter"}, Growing, 3, []string{"ines", "ivan", "ida"}},
	{Company{"juniper", "Juniper Games", "juniper.example", "starter"}, Spiky, 3, []string{"jun", "jana", "joao"}},
	{Company{"kestrel", "Kestrel Drones", "kestrel.example", "trial"}, Stopped, 4, []string{"kofi", "kaya", "kim"}},
	{Company{"lumen", "Lumen Lamps", "lumen.example", "trial"}, Failing, 2, []string{"lena", "luca"}},
}

// busy makes the demo lively: a few calls every second, day and night.
const busy = 10

// Customers returns the demo's 40 customers in their 12 companies, always the same.
func Customers() []Customer {
	var all []Customer
	for _, c := range companies {
		for i, id := range c.people {
			all = append(all, Customer{
				ID:         id,
				Name:       string(id[0]-'a'+'A') + id[1:] + " of " + c.Name,
				Email:      id + "@" + c.Domain,
				Company:    c.Company,
				Habit:      c.habit,
				Credential: Credential((len(all) + i) % 3),
				// The first of a company calls most, the last least.
				PerMinute: busy * c.perMinute / float64(len(c.people)) / float64(i+1),
			})
		}
	}
	return all
}

// Authorization returns the value of the customer's Authorization header; ""
// when the customer names itself by a plain header.
func (c Customer) Authorization() string {
	switch c.Credential {
	case Basic:
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.ID+":x"))
	case Bearer:
		return "Bearer " + c.token()
	default:
		return ""
	}
}

// token is a JWT that names the customer in the nested claim user.id.
func (c Customer) token() string {
	encode := base64.RawURLEncoding.EncodeToString
	head := encode([]byte(`{"alg":"HS256","typ":"JWT"}`))
	body := encode(fmt.Appendf(nil, `{"iss":"shop","user":{"id":%q},"company_id":%q}`, c.ID, c.Company.ID))
	mac := hmac.New(sha256.New, []byte("the demo's key"))
	mac.Write([]byte(head + "." + body))
	return head + "." + body + "." + encode(mac.Sum(nil))
}
