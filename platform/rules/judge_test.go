package rules

import (
	"testing"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Whatever is stored is judged or said to be unknown: a call that surely applies
// still does when more of it is known.
func FuzzJudge(f *testing.F) {
	f.Add("https://api.test/orders?x=1", "POST", `{"plan":{"name":"gold"}}`, "json", int64(24), "k1", `{"gatemeter":{"cut":["request.body"]}}`)
	f.Add("://%zz", "", `"*****"`, "base64", int64(-1), "*****", `{"gatemeter":1}`)
	u := when(when(anyone(), "request.body.plan.name", "gold", "request.route", "^/o"), "request.headers.X-Api-Key", "^k1")
	f.Fuzz(func(t *testing.T, uri, verb, body, encoding string, length int64, key, metadata string) {
		j, err := newJudge(u)
		if err != nil {
			t.Fatal(err)
		}
		e := wire.Event{Metadata: []byte(metadata), Request: wire.Request{
			URI: uri, Verb: verb, Body: []byte(body), TransferEncoding: encoding, ContentLength: length,
			Headers: wire.Headers{{Name: "X-Api-Key", Value: key}},
		}}
		v, missing := j.decide(&e)
		if (v == unknown) != (len(missing) > 0) {
			t.Errorf("%d with %v", v, missing)
		}
		if again, _ := j.decide(&e); again != v {
			t.Errorf("first %d, then %d", v, again)
		}
		e.Request.Headers[0].Value = "k1"
		if v, _ := j.decide(&e); v != applies {
			t.Errorf("with the key: %d", v)
		}
	})
}
