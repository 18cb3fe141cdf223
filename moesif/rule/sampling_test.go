package rule

import (
	"testing"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

func TestSampleRates(t *testing.T) {
	const (
		entities = `{"sample_rate":100,"user_sample_rate":{"u":10},"company_sample_rate":{"c":90}}`
		status   = `{"sample_rate":50,"regex_config":[{"conditions":[{"path":"response.status","value":"400"}],"sample_rate":12},{"conditions":[{"path":"response.status","value":"200"}],"sample_rate":100}]}`
		all      = `{"sample_rate":40,"user_sample_rate":{"u":70,"zero":0},"company_sample_rate":{"c":60},"regex_config":[
			{"conditions":[{"path":"request.route","value":"^/health/.*"}],"sample_rate":0},
			{"conditions":[{"path":"request.verb","value":"POST"},{"path":"request.route","value":"/orders"}],"sample_rate":80},
			{"conditions":[{"path":"request.verb","value":"POST"}],"sample_rate":20},
			{"conditions":[{"path":"request.ip_address","value":"^10\\."}],"sample_rate":65},
			{"conditions":[{"path":"request.body.query","value":"mutation"}],"sample_rate":5},
			{"conditions":[{"path":"request.headers.X-None","value":".*"}],"sample_rate":1}]}`
		odd = `{"sample_rate":300,"user_sample_rate":{"low":-5,"high":101},"regex_config":[{"conditions":[{"path":"request.verb","value":"["}],"sample_rate":1},
			{"conditions":[{"path":"request.uri","value":""}],"sample_rate":2},{"conditions":[]},{"conditions":[{"path":"request.verb","value":"PUT"}],"sample_rate":120},
			{"conditions":[{"path":"request.verb","value":"GET"}],"sample_rate":33},{"conditions":[],"sample_rate":44}]}`
	)
	for _, c := range []struct {
		name, config string
		r            Subject
		want         int
	}{
		{"the user's, not the company's", entities, Subject{UserID: "u", CompanyID: "c"}, 10},
		{"the company's", entities, Subject{CompanyID: "c"}, 90},
		{"the company's for another user", entities, Subject{UserID: "other", CompanyID: "c"}, 90},
		{"everyone's", entities, Subject{UserID: "other", CompanyID: "other"}, 100},
		{"by status 400", status, Subject{Status: 400}, 12},
		{"by status 200", status, Subject{Status: 200}, 100},
		{"another status", status, Subject{Status: 404}, 50},
		{"status not known", status, Subject{}, 50},
		{"the user's rate beats everyone's, though it is higher", all, Subject{UserID: "u", Verb: "GET"}, 70},
		{"the lower of the user's and the group's: the user's", all, Subject{UserID: "u", Verb: "POST", Route: "/orders"}, 70},
		{"the lower of the user's and the group's: the group's", all, Subject{UserID: "u", Verb: "POST", Route: "/x"}, 20},
		{"the lower of the company's and the group's", all, Subject{CompanyID: "c", IP: "10.1.2.3"}, 60},
		{"the first group that matches, not the lowest", all, Subject{Verb: "POST", Route: "/orders"}, 80},
		{"a group beats everyone's rate", all, Subject{IP: "10.1.2.3"}, 65},
		{"a group of rate 0", all, Subject{UserID: "u", Route: "/health/x"}, 0},
		{"a user of rate 0", all, Subject{UserID: "zero", CompanyID: "c"}, 0},
		{"a field of the body", all, Subject{Body: Bytes(`{"query":"mutation {}"}`)}, 5},
		{"nothing matches", all, Subject{Verb: "GET", Route: "/x"}, 40},
		{"a rate above 100", odd, Subject{Verb: "PUT"}, 100},
		{"a rate below 0", odd, Subject{UserID: "low", Verb: "PUT"}, 0},
		{"a user's rate above 100", odd, Subject{UserID: "high", Verb: "GET"}, 33},
		{"a group without conditions", odd, Subject{Verb: "X"}, 44},
		{"an empty configuration", `{}`, Subject{UserID: "u"}, 100},
	} {
		s := documents(t, c.config, `[]`, Options{})
		if got := s.SampleRate(&c.r); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
	for _, want := range []string{
		"sample_rate: must be between 0 and 100 (got 300); 100 is used", "user_sample_rate: must be between 0 and 100 (got -5); 0 is used", "regex_config[0].conditions[0].value: not a regular expression",
		"regex_config[1].conditions[0].path: must be", "regex_config[2].sample_rate: missing", "regex_config[3].sample_rate: must be between",
	} {
		if problems := documents(t, odd, `[]`, Options{}).Problems(); !hasReason(problems, want) {
			t.Errorf("%s is not in %q", want, problems)
		}
	}
}

func TestSamples(t *testing.T) {
	for config, want := range map[string]bool{
		`{}`: false, `{"sample_rate":100}`: false, `{"sample_rate":99}`: true, `{"user_sample_rate":{"u":100}}`: false, `{"user_sample_rate":{"u":99}}`: true,
		`{"company_sample_rate":{"c":0}}`: true, `{"regex_config":[{"conditions":[],"sample_rate":100}]}`: false, `{"regex_config":[{"conditions":[],"sample_rate":1}]}`: true,
		`{"regex_config":[{"conditions":[]}]}`: false,
	} {
		if got := documents(t, config, `[]`, Options{}).Samples(); got != want {
			t.Errorf("%s: got %v", config, got)
		}
	}
	// The zero AppConfig is one that has a rate of 0, unlike a document without it.
	if s := Compile(wire.AppConfig{}, nil, Options{}); s.SampleRate(&Subject{}) != 0 {
		t.Error("a rate of 0 is not used")
	}
}
