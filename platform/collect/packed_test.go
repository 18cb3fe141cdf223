package collect_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// What the journal keeps is what its wire JSON would be: versions before kept
// that, and rows must not differ by which it was.
func TestTheJournalKeepsWhatWireJSONWould(t *testing.T) {
	head := `{"request":{"time":"` + now + `","uri":"https://api.test/a","verb":"GET","ip_address":"203.0.113.7","headers":`
	events := []string{
		head + `{}}}`,
		head + `{"Accept":["a","b"],"X":["1"],"accept":"c"},"body":{"a":[1, 2]},"content_length":9},"response":{"time":"` + now + `","status":200,"headers":{"Set-Cookie":["a=1, x","b=2"]},"body":"\u00e9"},"weight":4}`,
		head + `{"A":"1","":"2","a":"3","B":"4","":"5"},"transfer_encoding":"base64","body":"aGk="},"response":{"headers":{"set-cookie":["a","b"],"Set-Cookie":"c","d":["e",null,{"f":[1]}]},"content_length":0}}`,
		head + `{"É":"1","é":"2","q\"":"\"\\\u0000\ud800"}},"user_id":"a\nb","company_id":7,"metadata":{"k": 1},"session_token":"s","subscription_id":"u","blocked_by":"r","direction":"Incoming"}`,
		head + `{` + strings.TrimSuffix(strings.Repeat(`"many":"x",`, 70), ",") + `}}}`,
	}
	f := setUp(t)
	f.want(f.post("/v1/events/batch", "["+strings.Join(events, ",")+"]"), http.StatusCreated)
	single := setUp(t)
	for i, sent := range events {
		read, err := wire.DecodeEvent([]byte(sent))
		if err != nil {
			t.Fatal(err)
		}
		want, err := wire.DecodeEvent(wire.AppendEvent(nil, &read))
		if err != nil {
			t.Fatal(err)
		}
		single.want(single.post("/v1/events", sent), http.StatusCreated)
		for name, got := range map[string]wire.Event{"batch": f.journal.event(t, i), "single": single.journal.event(t, 0)} {
			if len(got.TransactionID) != 36 {
				t.Errorf("%s %d: transaction id %q", name, i, got.TransactionID)
			}
			got.TransactionID = ""
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s %d:\ngot  %+v %+v\nwant %+v %+v", name, i, got, got.Response, want, want.Response)
			}
		}
	}
}
