package rule

import (
	"fmt"
)

// sampling holds the rates of the configuration, percent of the calls.
type sampling struct {
	everyone  int
	users     *customers
	companies *customers
	index     index // of the groups of regex_config that have a rate
	rates     []int // theirs
	lowest    int
}

func (c *compiler) sampling(config *Config) (sampling, []Problem) {
	s := sampling{users: &config.users, companies: &config.companies, lowest: 100}
	var problems []Problem
	clamp := func(path string, rate int) int {
		clamped := min(max(rate, 0), 100)
		if clamped != rate {
			problems = append(problems, Problem{"", fmt.Sprintf("%s: must be between 0 and 100 (got %d); %d is used", path, rate, clamped)})
		}
		s.lowest = min(s.lowest, clamped)
		return clamped
	}
	s.everyone = clamp("sample_rate", config.global.SampleRate)
	customers := func(path string, of *customers) {
		for _, rate := range of.wrong {
			clamp(path, rate)
		}
		for _, rate := range of.rates {
			s.lowest = min(s.lowest, int(rate)) // none is above all
		}
	}
	customers("user_sample_rate", s.users)
	customers("company_sample_rate", s.companies)
	var groups [][]group
	for i, g := range config.global.RegexConfig {
		compiled, v, errs := c.group(g.Conditions, true)
		for _, err := range errs {
			problems = append(problems, Problem{"", fmt.Sprintf("regex_config[%d].%v", i, err)})
		}
		switch {
		case g.SampleRate == nil:
			problems = append(problems, Problem{"", fmt.Sprintf("regex_config[%d].sample_rate: missing", i)})
		case v == works:
			groups = append(groups, []group{compiled})
			s.rates = append(s.rates, clamp(fmt.Sprintf("regex_config[%d].sample_rate", i), *g.SampleRate))
		}
	}
	s.index = newIndex(groups)
	return s, problems
}

// Samples reports whether any rate of the configuration is below 100.
func (s *Set) Samples() bool { return s != nil && s.sampling.lowest < 100 }

// SampleRate returns the percentage, 0 to 100, of the calls like r that are to
// be reported: the user's rate, else the company's, but not above that of the
// first group of regex_config that matches; without any of these the rate for
// everyone (Moesif wire, 3.2, as documented and in the Java SDK).
func (s *Set) SampleRate(r *Subject) int {
	if !s.Samples() {
		return 100
	}
	rate, own := s.sampling.customer(r)
	m := s.request(r)
	w := s.sampling.index.walk()
	i, ok := w.next(&m)
	switch {
	case ok && own:
		return min(rate, s.sampling.rates[i])
	case ok:
		return s.sampling.rates[i]
	case own:
		return rate
	}
	return s.sampling.everyone
}

// customer returns the rate of the user, else that of the company.
func (s *sampling) customer(r *Subject) (rate int, ok bool) {
	if r.UserID != "" {
		if rate, ok := s.users.rate(r.UserID); ok {
			return rate, true
		}
	}
	if r.CompanyID == "" {
		return 0, false
	}
	return s.companies.rate(r.CompanyID)
}
