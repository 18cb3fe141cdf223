package access_test

import (
	"testing"

	"github.com/gatemeter/gatemeter/platform/access"
)

func TestEachRoleHasTheRightsOfThoseBelow(t *testing.T) {
	roles := []access.Role{access.ReadOnly, access.Analyst, access.Admin, access.Owner}
	for i, role := range roles {
		for _, right := range role.Rights().List() {
			for _, higher := range roles[i:] {
				if !higher.Rights().Has(right) {
					t.Errorf("%s may %s, %s may not", role, right, higher)
				}
			}
		}
	}
	if access.Owner.Rights() != access.AllRights() {
		t.Error("an owner may not do everything")
	}
}

func TestRolesMayDoWhatTheyAreFor(t *testing.T) {
	for role, want := range map[access.Role]map[access.Right]bool{
		access.ReadOnly: {access.ReadEvents: true, access.ReadRules: true, access.WriteCharts: false, access.WriteEvents: false, access.ReadAudit: false},
		access.Analyst:  {access.WriteCharts: true, access.WriteCohorts: true, access.WriteRules: false, access.WriteEvents: false},
		access.Admin:    {access.WriteRules: true, access.WritePeople: true, access.WriteOwners: false},
		access.Owner:    {access.WriteOwners: true},
		"nobody":        {access.ReadApps: false},
		"":              {access.ReadApps: false},
	} {
		for right, may := range want {
			if got := role.Rights().Has(right); got != may {
				t.Errorf("%q may %s: %v, want %v", role, right, got, may)
			}
		}
	}
	for _, right := range access.ReadOnly.Rights().List() {
		if s := string(right); s[len(s)-5:] != ":read" {
			t.Errorf("read-only may %s", right)
		}
	}
}

func TestARightThatDoesNotExistIsInNoSet(t *testing.T) {
	for _, right := range []access.Right{"", "events", "events:*", "EVENTS:READ"} {
		if access.AllRights().Has(right) || access.RightsOf(right) != 0 || right.Means() != "" {
			t.Errorf("%q exists", right)
		}
	}
	two := access.RightsOf(access.ReadEvents, "none", access.WriteRules)
	if got := two.String(); got != "events:read rules:write" {
		t.Errorf("got %q", got)
	}
}
