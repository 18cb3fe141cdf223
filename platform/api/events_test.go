package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestAListLeavesOutWhatIsNotAskedFor(t *testing.T) {
	a := openAnalytics(t)
	for query, want := range map[string]struct {
		uri             string
		headers, bodies bool
	}{
		"":                         {"https://h/orders", true, true},
		"&bodies=false":            {uri: "https://h/orders", headers: true},
		"&brief=true":              {uri: "/orders"},
		"&brief=true&bodies=false": {uri: "/orders"},
	} {
		w := a.do("GET", "/events?limit=1"+query, "")
		text := w.Body.String()
		headers, bodies := strings.Contains(text, `"X-Plan":"pro"`), strings.Contains(text, `{"amount":2.5}`)
		if w.Code != http.StatusOK || !strings.Contains(text, `"uri":"`+want.uri+`"`) || headers != want.headers || bodies != want.bodies {
			t.Errorf("%q: %d %s", query, w.Code, text)
		}
	}
}
