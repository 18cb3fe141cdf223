package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/platform/access"
)

// person is a browser with a session.
type person struct {
	*governance
	cookie string
}

// join invites somebody as the administrator, and joins.
func (g *governance) join(email string, role access.Role) *person {
	g.t.Helper()
	invited := g.expect(http.StatusCreated, "POST", "/invitations", fmt.Sprintf(`{"email":%q,"role":%q}`, email, role))
	p := &person{governance: g}
	w := p.do("POST", "/join", fmt.Sprintf(`{"token":%q,"password":"correct horse"}`, invited["token"]))
	if w.Code != http.StatusOK {
		g.t.Fatalf("join: %d %s", w.Code, w.Body)
	}
	p.cookie, _, _ = strings.Cut(w.Header().Get("Set-Cookie"), ";")
	return p
}

func (p *person) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	p.t.Helper()
	return p.governance.do(method, path, body, append([]string{"Authorization", "", "Cookie", p.cookie, "X-Gatemeter-CSRF", "1"}, headers...)...)
}

// read answers the body of an answer with status 200.
func (p *person) read(path string) map[string]any {
	p.t.Helper()
	w := p.do("GET", path, "")
	if w.Code != http.StatusOK {
		p.t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return parsed(p.t, w.Body.String())
}

var parameter = regexp.MustCompile(`\{[^}]*\}`)

func TestAReadOnlyPersonCanChangeNothing(t *testing.T) {
	g := openGovernance(t)
	reader := g.join("reader@example.com", access.ReadOnly)
	tried := 0
	for name, o := range operations() {
		method, path, _ := strings.Cut(name, " ")
		right, needed := o.Metadata[rightKey].(access.Right)
		if method == "GET" || !needed || strings.HasSuffix(string(right), ":read") {
			continue
		}
		tried++
		path = parameter.ReplaceAllString(strings.TrimPrefix(path, "/api/v1"), "x")
		w := reader.do(method, path, `{}`)
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "the role read-only may not") {
			t.Errorf("%s: got %d %s, want 403 and the reason", name, w.Code, w.Body)
		}
	}
	if tried < 12 {
		t.Errorf("only %d operations were tried", tried)
	}
	// What is left to them is their own password, and leaving.
	session := reader.read("/session")
	if session["role"] != "read-only" || fmt.Sprint(session["rights"]) != "[apps:read events:read customers:read rules:read]" {
		t.Errorf("got %v", session)
	}
	app := reader.read("/apps")["apps"].([]any)[0].(map[string]any)
	if app["application_id"] != "" || app["name"] != "My API" {
		t.Errorf("the right to write is shown to a reader: %v", app)
	}
	for _, path := range []string{"/people", "/tokens", "/audit"} {
		if w := reader.do("GET", path, ""); w.Code != http.StatusForbidden {
			t.Errorf("%s: got %d, want 403", path, w.Code)
		}
	}
	if entries := g.expect(http.StatusOK, "GET", "/audit", "")["entries"].([]any); len(entries) != 2 {
		t.Errorf("refused changes are in the audit log: %v", entries)
	}
}

func TestEveryOperationIsClosedToStrangersAndToTokensWithoutItsScope(t *testing.T) {
	g := openGovernance(t)
	secrets := map[string]string{}
	for _, scope := range []access.Right{access.ReadEvents, access.WriteCharts} {
		made := g.expect(http.StatusCreated, "POST", "/tokens", fmt.Sprintf(`{"name":"one","scopes":[%q]}`, scope))
		secrets[string(scope)] = made["secret"].(string)
	}
	for name, o := range operations() {
		method, path, _ := strings.Cut(name, " ")
		right, needed := o.Metadata[rightKey].(access.Right)
		if !needed {
			continue
		}
		path = parameter.ReplaceAllString(strings.TrimPrefix(path, "/api/v1"), "x")
		if w := g.do(method, path, `{}`, "Authorization", ""); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: a stranger got %d", name, w.Code)
		}
		if w := g.do(method, path, `{}`, "Authorization", "Bearer wrong"); w.Code != http.StatusUnauthorized && w.Code != http.StatusTooManyRequests {
			t.Errorf("%s: a wrong token got %d", name, w.Code)
		}
		secret := secrets[string(access.ReadEvents)]
		if right == access.ReadEvents {
			secret = secrets[string(access.WriteCharts)]
		}
		w := g.do(method, path, `{}`, "Authorization", "Bearer "+secret)
		if w.Code != http.StatusForbidden && w.Code != http.StatusTooManyRequests {
			t.Errorf("%s: a token without %s got %d %s", name, right, w.Code, w.Body)
		}
	}
}

func TestApplicationsAreMadeRenamedRotatedAndRevoked(t *testing.T) {
	g := openGovernance(t)
	app := g.expect(http.StatusCreated, "POST", "/apps", `{"name":"Payments"}`)
	path, first := "/apps/"+app["id"].(string), app["application_id"].(string)
	if len(first) < 50 || app["rate"] != 0.0 || app["revoked_at"] != nil {
		t.Fatalf("got %v", app)
	}
	changed := g.expect(http.StatusOK, "PUT", path, `{"name":"Payouts","rate":100}`)
	if changed["name"] != "Payouts" || changed["burst"] != 100.0 || changed["application_id"] != first {
		t.Errorf("got %v", changed)
	}
	rotated := g.expect(http.StatusOK, "POST", path+"/application-id", `{"grace_seconds":3600}`)
	old := rotated["old_ids"].([]any)
	if rotated["id"] != app["id"] || rotated["application_id"] == first || len(old) != 1 || old[0].(map[string]any)["tail"] != first[len(first)-4:] {
		t.Errorf("got %v", rotated)
	}
	if ended := g.expect(http.StatusOK, "DELETE", path+"/old-ids", ""); len(ended["old_ids"].([]any)) != 0 {
		t.Errorf("got %v", ended)
	}
	if revoked := g.expect(http.StatusOK, "DELETE", path+"/application-id", ""); revoked["application_id"] != "" || revoked["revoked_at"] == nil {
		t.Errorf("got %v", revoked)
	}
	for body, field := range map[string]string{`{"name":" "}`: "body.name", `{"name":"x","rate":-1}`: "body.rate", `{"name":"x","burst":2}`: "body.burst"} {
		if refused := g.expect(http.StatusUnprocessableEntity, "PUT", path, body); !strings.Contains(fmt.Sprint(refused["errors"]), field) {
			t.Errorf("%s: got %v, want a fault in %s", body, refused, field)
		}
	}
	g.expect(http.StatusUnprocessableEntity, "POST", path+"/application-id", `{"grace_seconds":2592001}`)
	g.expect(http.StatusNotFound, "PUT", "/apps/none", `{"name":"x"}`)
}

func TestPeopleComeChangeAndGo(t *testing.T) {
	g := openGovernance(t)
	owner := g.join("ada@example.com", access.Owner)
	admin := g.join("bob@example.com", access.Admin)
	list := admin.read("/people")["people"].([]any)
	ada, bob := list[0].(map[string]any), list[1].(map[string]any)
	if ada["role"] != "owner" || ada["you"] != false || bob["you"] != true {
		t.Fatalf("got %v", list)
	}
	role := func(p *person, of map[string]any, role string) int {
		return p.do("PUT", "/people/"+of["id"].(string)+"/role", fmt.Sprintf(`{"role":%q}`, role)).Code
	}
	if got := role(admin, ada, "read-only"); got != http.StatusForbidden {
		t.Errorf("an admin demotes an owner: %d", got)
	}
	if got := role(admin, bob, "owner"); got != http.StatusForbidden {
		t.Errorf("an admin makes an owner: %d", got)
	}
	if got := role(owner, ada, "admin"); got != http.StatusConflict {
		t.Errorf("the last owner steps down: %d", got)
	}
	if got := role(owner, bob, "read-only"); got != http.StatusNoContent {
		t.Errorf("an owner demotes an admin: %d", got)
	}
	if w := admin.do("GET", "/people", ""); w.Code != http.StatusForbidden {
		t.Errorf("the demoted admin still sees people: %d", w.Code)
	}
	if w := owner.do("DELETE", "/people/"+bob["id"].(string), ""); w.Code != http.StatusNoContent {
		t.Errorf("removing: %d %s", w.Code, w.Body)
	}
	if session := admin.read("/session"); session["signed_in"] != false {
		t.Errorf("the removed person is still in: %v", session)
	}
	if w := owner.do("DELETE", "/people/"+ada["id"].(string), ""); w.Code != http.StatusConflict {
		t.Errorf("the last owner leaves: %d", w.Code)
	}
	if w := owner.do("POST", "/invitations", `{"email":"cyd@example.com","role":"analyst"}`, "X-Gatemeter-CSRF", ""); w.Code != http.StatusForbidden {
		t.Errorf("without the header of a session: %d", w.Code)
	}
	open := g.expect(http.StatusCreated, "POST", "/invitations", `{"email":"cyd@example.com","role":"analyst"}`)
	if w := owner.do("DELETE", "/invitations/"+open["id"].(string), ""); w.Code != http.StatusNoContent {
		t.Errorf("uninviting: %d", w.Code)
	}
	if w := admin.do("POST", "/join", fmt.Sprintf(`{"token":%q,"password":"correct horse"}`, open["token"])); w.Code != http.StatusUnauthorized {
		t.Errorf("joining without an invitation: %d", w.Code)
	}
}

func TestTokenIsShownOnceAndDoesWhatItsScopesSay(t *testing.T) {
	g := openGovernance(t)
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	made := g.expect(http.StatusCreated, "POST", "/tokens", fmt.Sprintf(`{"name":"deploy","scopes":["rules:write"],"expires_at":%q}`, until))
	secret := made["secret"].(string)
	with := func(method, path, body string) *httptest.ResponseRecorder {
		return g.do(method, path, body, "Authorization", "Bearer "+secret)
	}
	if w := with("POST", "/rules", wholeRule); w.Code != http.StatusCreated {
		t.Errorf("within its scope: %d %s", w.Code, w.Body)
	}
	if w := with("GET", "/rules", ""); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "rules:read") {
		t.Errorf("outside of its scope: %d %s", w.Code, w.Body)
	}
	if w := with("PUT", "/me", `{"email":"x@example.com","password":"correct horse"}`); w.Code != http.StatusForbidden {
		t.Errorf("a token sets a password: %d", w.Code)
	}
	listed := g.do("GET", "/tokens", "").Body.String()
	if strings.Contains(listed, secret) || !strings.Contains(listed, `"name":"deploy"`) {
		t.Errorf("got %s", listed)
	}
	g.expect(http.StatusNoContent, "DELETE", "/tokens/"+made["id"].(string), "")
	if w := with("POST", "/rules", wholeRule); w.Code != http.StatusUnauthorized {
		t.Errorf("revoked: %d", w.Code)
	}
	for _, body := range []string{`{"name":"x","scopes":[]}`, `{"name":"x","scopes":["all"]}`, `{"name":"x","scopes":["events:read"],"expires_at":"2020-01-01T00:00:00Z"}`} {
		g.expect(http.StatusUnprocessableEntity, "POST", "/tokens", body)
	}
}

func TestEveryChangeIsInTheAuditLogWithoutItsSecrets(t *testing.T) {
	g := openGovernance(t)
	owner := g.join("ada@example.com", access.Owner)
	var secrets []string
	made := owner.do("POST", "/tokens", `{"name":"deploy","scopes":["rules:write"]}`)
	secrets = append(secrets, parsed(t, made.Body.String())["secret"].(string))
	app := parsed(t, owner.do("POST", "/apps", `{"name":"Payments"}`).Body.String())
	secrets = append(secrets, app["application_id"].(string), "correct horse", "battery staple")
	rotated := parsed(t, owner.do("POST", "/apps/"+app["id"].(string)+"/application-id", `{}`).Body.String())
	secrets = append(secrets, rotated["application_id"].(string))
	rule := g.do("POST", "/rules?app="+app["id"].(string), wholeRule, "Authorization", "Bearer "+secrets[0])
	if rule.Code != http.StatusCreated {
		t.Fatal(rule.Code, rule.Body)
	}
	owner.do("PUT", "/me", `{"email":"ada@example.org","password":"battery staple"}`)

	var log struct {
		Entries []AuditEntry
		Next    string
	}
	text := g.do("GET", "/audit", "").Body.Bytes()
	if err := json.Unmarshal(text, &log); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range log.Entries {
		got = append(got, e.WhoKind+" "+e.Operation)
	}
	want := []string{"person change-me", "token add-rule", "person rotate-app", "person add-app", "person add-token", "person join", "administrator invite"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, secret := range secrets {
		if strings.Contains(string(text), secret) {
			t.Errorf("a secret stands in the audit log: %s", text)
		}
	}
	if e := log.Entries[1]; e.WhoName != "deploy" || e.App != app["id"] || e.Notes["name"] != "Free plan" || e.Address != "192.0.2.1" || e.Target != "/rules" {
		t.Errorf("got %+v", e)
	}
	var pages []string
	for next := ""; ; {
		page := g.expect(http.StatusOK, "GET", "/audit?limit=3&cursor="+next, "")
		for _, e := range page["entries"].([]any) {
			pages = append(pages, e.(map[string]any)["operation"].(string))
		}
		if next = page["next"].(string); next == "" {
			break
		}
	}
	if len(pages) != len(want) {
		t.Errorf("the pages have %v", pages)
	}
	g.expect(http.StatusUnprocessableEntity, "GET", "/audit?cursor=x", "")
}
