package wire

import (
	"encoding/json"
	"testing"
)

func TestProfilesSurviveTheWire(t *testing.T) {
	for _, c := range []struct {
		name, data string
		decode     func([]byte) (any, error)
	}{
		{"action", `{"action_name":"Clicked","request":{"time":"2026-11-22T10:00:00.123456Z","uri":"https://x/","ip_address":"1.2.3.4","user_agent_string":"ua"},` +
			`"transaction_id":"t","session_token":"s","user_id":"u","company_id":"c","subscription_id":"b","metadata":{"a":1}}`,
			func(b []byte) (any, error) { return DecodeAction(b) }},
		{"user", `{"user_id":"u","company_id":"c","session_token":"s","modified_time":"2026-11-22T10:00:00Z","ip_address":"::1","user_agent_string":"ua",` +
			`"metadata":{"email":"a@b.c"},"campaign":{"utm_source":"1","utm_medium":"2","utm_campaign":"3","utm_term":"4","utm_content":"5","referrer":"6","referring_domain":"7","gclid":"8"}}`,
			func(b []byte) (any, error) { return DecodeUser(b) }},
		{"company", `{"company_id":"c","company_domain":"acme.com","session_token":"s","modified_time":"2026-11-22T10:00:00Z","ip_address":"::1","campaign":{"gclid":"8"},"metadata":{}}`,
			func(b []byte) (any, error) { return DecodeCompany(b) }},
		{"subscription", `{"subscription_id":"s","company_id":"c","status":"active","current_period_start":"2026-11-01T00:00:00Z","current_period_end":"2026-12-01T00:00:00Z",` +
			`"metadata":{"a":[]},"items":[{"plan_id":"p","subscription_item_id":"i","price_id":"r","unit_of_measure":"call","created_at":"2026-11-01T00:00:00Z","metadata":{}}]}`,
			func(b []byte) (any, error) { return DecodeSubscription(b) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := c.decode([]byte(c.data))
			if err != nil {
				t.Fatal(err)
			}
			if out, err := json.Marshal(v); err != nil || string(out) != c.data {
				t.Errorf("got  %s (%v)\nwant %s", out, err, c.data)
			}
		})
	}
}

func TestBadProfilesNameTheField(t *testing.T) {
	action := func(b []byte) error { _, err := DecodeAction(b); return err }
	user := func(b []byte) error { _, err := DecodeUser(b); return err }
	company := func(b []byte) error { _, err := DecodeCompany(b); return err }
	subscription := func(b []byte) error { _, err := DecodeSubscription(b); return err }
	for _, c := range []struct {
		decode     func([]byte) error
		data, want string
	}{
		{action, `{"request":{"uri":"/"}}`, `action_name: missing`},
		{action, `{"action_name":"a"}`, `request.uri: missing`},
		{action, `{"action_name":"a","request":{"time":"now"}}`, `request.time: not a timestamp: "now"`},
		{user, `{"user_id":""}`, `user_id: missing`},
		{user, `{"user_id":"u","campaign":{"gclid":[]}}`, `campaign.gclid: must be a string (got an array)`},
		{user, `{"user_id":"u","campaign":3}`, `campaign: must be an object (got a number)`},
		{user, `3`, `user: must be an object (got a number)`},
		{company, `{"company_id":null}`, `company_id: missing`},
		{company, `{"company_id":"c","modified_time":"x"}`, `modified_time: not a timestamp: "x"`},
		{subscription, `{"company_id":"c"}`, `subscription_id: missing`},
		{subscription, `{"subscription_id":"s"}`, `company_id: missing`},
		{subscription, `{"subscription_id":"s","company_id":"c","items":[{}]}`, `items.plan_id: missing`},
		{subscription, `{"subscription_id":"s","company_id":"c","items":3}`, `items: must be an array (got a number)`},
	} {
		if err := c.decode([]byte(c.data)); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.data, err, c.want)
		}
	}
	if u, err := DecodeUser([]byte(`{"user_id":42,"company_id":7,"metadata":null,"anonymous_id":"x"}`)); err != nil || u.UserID != "42" || u.CompanyID != "7" {
		t.Errorf("numbers as ids: %+v, %v", u, err)
	}
}

func FuzzDecodeProfiles(f *testing.F) {
	f.Add([]byte(`{"user_id":"u","company_id":"c","subscription_id":"s","action_name":"a","request":{"uri":"/"},"campaign":{"gclid":"8"},"items":[{"plan_id":"p"}],"metadata":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		// None may panic, and what is read can be written.
		a, _ := DecodeAction(data)
		u, _ := DecodeUser(data)
		c, _ := DecodeCompany(data)
		s, _ := DecodeSubscription(data)
		if _, err := json.Marshal([]any{a, u, c, s}); err != nil {
			t.Fatal(err)
		}
	})
}
