package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func (g *governance) add(body string) string {
	g.t.Helper()
	return g.expect(201, "POST", "/rules", body)["id"].(string)
}

func (g *governance) ids() (ids []string) {
	g.t.Helper()
	for _, u := range g.expect(200, "GET", "/rules", "")["rules"].([]any) {
		ids = append(ids, u.(map[string]any)["id"].(string))
	}
	return ids
}

func TestARuleIsSwitchedWithoutSendingIt(t *testing.T) {
	g := openGovernance(t)
	id := g.add(wholeRule)
	for _, state := range []string{"shadow", "off", "on"} {
		got := g.expect(200, "PUT", "/rules/"+id+"/state", `{"state":"`+state+`"}`)
		if got["state"] != state || len(got["customers"].([]any)) != 2 {
			t.Errorf("got %v", got)
		}
	}
	g.expect(404, "PUT", "/rules/none/state", `{"state":"on"}`)
	g.refused("PUT", "/rules/"+id+"/state", `{"state":"maybe"}`, "body.state")
	g.refused("PUT", "/rules/"+id+"/state", `{}`, "body")
	for body, state := range map[string]string{`"enabled":true`: "on", `"enabled":false`: "off", `"enabled":true,"state":"on"`: "on", `"state":"shadow"`: "shadow"} {
		if got := g.expect(200, "PUT", "/rules/"+id, `{"name":"n","type":"regex",`+body+`}`); got["state"] != state || got["enabled"] != nil {
			t.Errorf("%s: got %v", body, got)
		}
	}
}

func TestTheCohortOfARuleIsReplacedAlone(t *testing.T) {
	g := openGovernance(t)
	id := g.add(wholeRule)
	got := g.expect(200, "PUT", "/rules/"+id+"/customers", `{"customers":[{"id":"cobalt","values":{"0":"gold"}}]}`)
	if got["name"] != "Free plan" || fmt.Sprint(got["customers"]) != "[map[id:cobalt values:map[0:gold]]]" {
		t.Errorf("got %v", got)
	}
	g.refused("PUT", "/rules/"+id+"/customers", `{"customers":[{"id":""}]}`, "body.customers[0].id")
}

func TestRulesAreOrdered(t *testing.T) {
	g := openGovernance(t)
	a, b, c := g.add(wholeRule), g.add(wholeRule), g.add(wholeRule)
	want := []string{c, a, b}
	g.expect(200, "PUT", "/rules/order", fmt.Sprintf(`{"rules":["%s"]}`, strings.Join(want, `","`)))
	if got := g.ids(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	g.refused("PUT", "/rules/order", `{"rules":["`+a+`"]}`, "body.rules")
	g.refused("PUT", "/rules/order", `{"rules":null}`, "body.rules")
}

func TestADeletionIsUndone(t *testing.T) {
	g := openGovernance(t)
	id := g.add(wholeRule)
	g.expect(200, "PUT", "/rules/"+id, strings.Replace(wholeRule, "402", "403", 1))
	g.expect(204, "DELETE", "/rules/"+id, "")
	versions := g.expect(200, "GET", "/rules/history", "")["versions"].([]any)
	if len(versions) != 3 {
		t.Fatalf("got %v", versions)
	}
	last, changed := versions[0].(map[string]any), versions[1].(map[string]any)
	if last["how"] != "deleted" || last["who"] != "administrator's token" || last["exists"] != false || last["name"] != "Free plan" {
		t.Errorf("got %v", last)
	}
	if got := fmt.Sprint(changed["changes"]); got != "[map[after:403 before:402 field:response.status]]" {
		t.Errorf("got %s", got)
	}
	revert := func(version any, rest string) string { return fmt.Sprintf(`{"version":%v%s}`, version, rest) }
	got := g.expect(200, "POST", "/rules/"+id+"/revert", revert(last["version"], `,"state":"on"`))
	if got["id"] != id || got["state"] != "on" || len(got["customers"].([]any)) != 2 {
		t.Errorf("got %v", got)
	}
	first := versions[2].(map[string]any)["version"]
	was := g.expect(200, "GET", fmt.Sprintf("/rules/%s/versions/%v", id, first), "")
	if status := was["response"].(map[string]any)["status"]; status != 402.0 || len(was["customers"].([]any)) != 2 {
		t.Errorf("it was %v", was)
	}
	if got := g.expect(200, "POST", "/rules/"+id+"/revert", revert(first, "")); got["response"].(map[string]any)["status"] != 402.0 || got["state"] != "on" {
		t.Errorf("got %v", got)
	}
	g.expect(404, "POST", "/rules/"+id+"/revert", `{"version":999}`)
	g.expect(404, "GET", "/rules/"+id+"/versions/999", "")
	g.expect(404, "GET", "/rules/none/history", "")
	if n := len(g.expect(200, "GET", "/rules/"+id+"/history", "")["versions"].([]any)); n != 5 {
		t.Errorf("%d versions", n)
	}
}
