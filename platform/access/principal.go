package access

// Principal is who makes a request. The zero value is nobody.
type Principal struct {
	Person    string // id of the person who is signed in
	Email     string
	Role      Role   // of the person
	Token     string // id of the API token it came with
	TokenName string
	scopes    Rights // of the API token
	maker     string // id of the person who made the API token, "" for the administrator's
	FirstRun  bool   // came in by the one-time token, and has to set a password
	Admin     bool   // has the administrator's bearer token
	Cookie    bool   // is known by a cookie, which a browser sends by itself
}

// SignedIn reports whether the principal is anybody.
func (p Principal) SignedIn() bool { return p.Person != "" || p.Token != "" || p.FirstRun || p.Admin }

// Rights returns what the principal may do. Whoever came in by the one-time token
// is about to become the first owner, and must be that before anybody else is let
// in: they could never become it afterwards.
func (p Principal) Rights() Rights {
	switch {
	case p.Admin:
		return AllRights()
	case p.FirstRun:
		return AllRights() &^ RightsOf(WritePeople, WriteTokens, WriteOwners)
	case p.Token != "":
		return p.scopes
	}
	return p.Role.Rights()
}

// May reports whether the principal has the right.
func (p Principal) May(right Right) bool { return p.Rights().Has(right) }

// makes is who a token or an invitation of the principal is made by: a person's
// id, "" for the administrator's token.
func (p Principal) makes() string {
	if p.Token != "" {
		return p.maker
	}
	return p.Person
}

// kind says who it is for the audit log.
func (p Principal) kind() (kind, id, name string) {
	switch {
	case p.Admin:
		return "administrator", "", "GATEMETER_ADMIN_TOKEN"
	case p.Token != "":
		return "token", p.Token, p.TokenName
	case p.Person != "":
		return "person", p.Person, p.Email
	}
	return "nobody", "", ""
}
