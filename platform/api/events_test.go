package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestAListLeavesOutWhatIsNotAskedFor(t *testing.T) {
	a := openAnalytics(t)
	for query, want := range map[string]struct{ headers, bodies bool }{
		"":                         {true, true},
		"&bodies=false":            {headers: true},
		"&brief=true":              {},
		"&brief=true&bodies=false": {},
	} {
		w := a.do("GET", "/events?limit=1"+query, "")
		text := w.Body.String()
		headers, bodies := strings.Contains(text, `"X-Plan":"pro"`), strings.Contains(text, `{"amount":2.5}`)
		if w.Code != http.StatusOK || !strings.Contains(text, `"uri":"https://h/orders"`) || headers != want.headers || bodies != want.bodies {
			t.Errorf("%q: %d %s", query, w.Code, text)
		}
	}
}
