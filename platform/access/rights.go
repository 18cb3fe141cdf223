package access

import (
	"slices"
	"strings"
)

// Right is what an operation needs: what it is about, a colon, and what is done to
// it. API tokens call their rights scopes.
type Right string

// The rights there are; the table says who has them.
const (
	ReadApps       Right = "apps:read"
	ReadEvents     Right = "events:read"
	ReadCustomers  Right = "customers:read"
	ReadRules      Right = "rules:read"
	WriteCharts    Right = "charts:write"
	EmbedCharts    Right = "charts:embed"
	WriteCohorts   Right = "cohorts:write"
	WriteCustomers Right = "customers:write"
	WriteRules     Right = "rules:write"
	WriteEvents    Right = "events:write"
	EraseEvents    Right = "events:erase"
	WriteApps      Right = "apps:write"
	WritePeople    Right = "people:write"
	WriteTokens    Right = "tokens:write"
	ReadAudit      Right = "audit:read"
	WriteOwners    Right = "owners:write"
	TakeBackups    Right = "backups:take"
)

// Role is what a person is here. A role has the rights of those below it.
type Role string

// The roles, the highest first.
const (
	Owner    Role = "owner"
	Admin    Role = "admin"
	Analyst  Role = "analyst"
	ReadOnly Role = "read-only"
)

var roles = []Role{Owner, Admin, Analyst, ReadOnly}

// table says who may do what: of each right the lowest role that has it. There is
// no other place where that is written.
var table = []struct {
	right Right
	role  Role
	means string
}{
	{ReadApps, ReadOnly, "See the applications and their books"},
	{ReadEvents, ReadOnly, "See calls and usage"},
	{ReadCustomers, ReadOnly, "See users, companies and cohorts"},
	{ReadRules, ReadOnly, "See governance rules and sampling"},
	{WriteCharts, Analyst, "Save charts and dashboards"},
	{EmbedCharts, Admin, "Show charts to others without a sign-in"},
	{WriteCohorts, Analyst, "Change cohorts"},
	{WriteCustomers, Admin, "Change the profiles of users and companies"},
	{WriteRules, Admin, "Change governance rules and sampling"},
	{WriteEvents, Admin, "See application ids, which can send events"},
	{EraseEvents, Admin, "Erase what is stored and say how long it is kept"},
	{WriteApps, Admin, "Create, change and revoke applications"},
	{WritePeople, Admin, "Invite, change and remove people"},
	{WriteTokens, Admin, "Create and revoke API tokens"},
	{ReadAudit, Admin, "Read the audit log"},
	{WriteOwners, Owner, "Make and remove owners"},
	{TakeBackups, Owner, "Download a backup, which has everything in it"},
}

// Rights is a set of rights. The zero value has none.
type Rights uint64

// RightsOf returns the set of those in list that exist.
func RightsOf(list ...Right) (s Rights) {
	for i, row := range table {
		if slices.Contains(list, row.right) {
			s |= 1 << i
		}
	}
	return s
}

// Has reports whether right is in the set. One that does not exist is in none.
func (s Rights) Has(right Right) bool {
	r := RightsOf(right)
	return r != 0 && s&r == r
}

// List returns the rights in the order of the table.
func (s Rights) List() []Right {
	list := []Right{}
	for i, row := range table {
		if s&(1<<i) != 0 {
			list = append(list, row.right)
		}
	}
	return list
}

func (s Rights) String() string {
	words := make([]string, 0, len(table))
	for _, right := range s.List() {
		words = append(words, string(right))
	}
	return strings.Join(words, " ")
}

func parseRights(text string) Rights {
	var list []Right
	for word := range strings.FieldsSeq(text) {
		list = append(list, Right(word))
	}
	return RightsOf(list...)
}

// AllRights is what the administrator's token has.
func AllRights() Rights { return Rights(1)<<len(table) - 1 }

// Rights returns what the role may do: nothing when there is no such role.
func (r Role) Rights() (s Rights) {
	rank := slices.Index(roles, r)
	if rank < 0 {
		return 0
	}
	for i, row := range table {
		if rank <= slices.Index(roles, row.role) {
			s |= 1 << i
		}
	}
	return s
}

// Means says what a right lets one do, for people; "" when it does not exist.
func (r Right) Means() string {
	for _, row := range table {
		if row.right == r {
			return row.means
		}
	}
	return ""
}

// OnlyReads reports whether what needs the right changes nothing.
func (r Right) OnlyReads() bool { return strings.HasSuffix(string(r), ":read") }

// Lowest returns the lowest role that has the right.
func (r Right) Lowest() Role {
	for _, row := range table {
		if row.right == r {
			return row.role
		}
	}
	return ""
}
