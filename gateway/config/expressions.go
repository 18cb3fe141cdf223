package config

import (
	"net/http"
	"slices"

	"github.com/gatemeter/gatemeter/policy"
)

// Expressions are what must hold: those of security/policies around those of
// validation/cel, where there are both (chosen: the reference is silent).
type Expressions struct {
	Checks       []*policy.Set // of a request
	TokenChecks  []*policy.Set // of a validated token; an endpoint's only
	AnswerChecks []*policy.Set // of an answer
}

// TellsPolicies reports whether a policy of the endpoint or its backends tells the log
// what comes of it (security/policies.debug).
func (e *Endpoint) TellsPolicies() bool {
	tells := e.tell()
	for i := range e.Backends {
		tells = tells || e.Backends[i].tell()
	}
	return tells
}

func (x *Expressions) tell() bool {
	return slices.ContainsFunc(slices.Concat(x.Checks, x.TokenChecks, x.AnswerChecks), func(s *policy.Set) bool { return s.Debug != "" })
}

// noTokenThere says what an endpoint without auth/validator can't ask.
const noTokenThere = "an expression about JWT needs auth/validator beside it: without a token it is never asked"

// endpointExpressions reads security/policies and validation/cel of e, which has
// everything else.
func (b *block) endpointExpressions(extra map[string]*block, e *Endpoint) {
	cel, policies := extra["validation/cel"], extra["security/policies"]
	streams := e.OutputEncoding == "no-op" || len(e.Backends) == 1 && e.Backends[0].Encoding == "no-op"
	inner, outer := cel.celChecks(streams), policies.policies(atEndpoint, streams)
	if inner.token != nil && !b.extraHas("auth/validator") {
		b.problem(cel.at(cel.only()), noTokenThere)
	}
	if outer.token != nil && !b.extraHas("auth/validator") {
		b.problem(policies.at("jwt"), noTokenThere)
	}
	e.Expressions = around(outer, inner)
}

// backendExpressions reads security/policies and validation/cel of a backend, which
// has its encoding.
func (b *block) backendExpressions(extra map[string]*block, out *Backend) {
	cel, streams := extra["validation/cel"], out.Encoding == "no-op"
	inner, outer := cel.celChecks(streams), extra["security/policies"].policies(atBackend, streams)
	if inner.token != nil {
		b.problem(cel.at(cel.only()), "an expression about JWT belongs into the endpoint, not into a backend")
	}
	out.Expressions = around(outer, inner)
}

// phases are the expressions of one namespace by what they are about; nil: there are none.
type phases struct{ request, token, answer *policy.Set }

// around puts outer around inner: requests meet it first, answers last.
func around(outer, inner phases) Expressions {
	list := func(sets ...*policy.Set) (there []*policy.Set) {
		for _, s := range sets {
			if s != nil {
				there = append(there, s)
			}
		}
		return there
	}
	return Expressions{
		Checks:       list(outer.request, inner.request),
		TokenChecks:  list(outer.token, inner.token),
		AnswerChecks: list(inner.answer, outer.answer),
	}
}

// add adds an expression to a set, which it makes where there is none.
func add(to **policy.Set, status int, c *policy.Check) {
	if *to == nil {
		*to = &policy.Set{Status: status}
	}
	(*to).Checks = append((*to).Checks, c)
}

// celChecks reads validation/cel. KrakenD tells expressions apart by what stands in the
// text (req, resp, JWT), and never asks one that has none of it; here the variables
// tell, and one without any is about the request. One about both a request and its
// answer is asked about each, as in KrakenD, and fails where it needs the other one.
// streams tells whether answers are streamed.
func (b *block) celChecks(streams bool) (p phases) {
	if b == nil {
		return p
	}
	for o := range b.objects(b.only()) {
		expression, where := o.text("check_expr"), o.at("check_expr")
		o.close(nil)
		if expression == "" {
			o.problem(where, "missing: an expression such as req_method == 'GET'")
			continue
		}
		c, err := policy.CompileCheck(expression)
		switch {
		case err != nil:
			o.problem(where, "%v", err)
			continue
		case c.Token && c.Answer:
			o.problem(where, "is about JWT and about the answer: a token is looked at before there is one")
			continue
		case c.Token:
			add(&p.token, http.StatusUnauthorized, c)
			continue
		}
		if c.Answer {
			o.emptyAnswer(where, c, streams)
			add(&p.answer, http.StatusInternalServerError, c)
			if !c.Request {
				continue
			}
			o.warn(where, "is asked about the request and again about its answer, and each time the variables of the other are missing: make two expressions of it")
		}
		add(&p.request, http.StatusInternalServerError, c)
	}
	return p
}

// emptyAnswer warns of variables that have nothing in them (KrakenD v3, 4.1).
func (b *block) emptyAnswer(where string, c *policy.Check, streams bool) {
	switch {
	case c.Data && streams:
		b.warn(where, "resp_data is empty here: answers pass through no-op undecoded")
	case c.Metadata && !streams:
		b.warn(where, "resp_metadata_status is 0 and resp_metadata_headers is empty here: only no-op has them")
	}
}

// policies reads security/policies of the Enterprise Edition (KrakenD v3, 4.3 and 4.4).
// auto_join_policies changes nothing: all expressions must hold either way.
func (b *block) policies(at level, streams bool) (p phases) {
	if b == nil {
		return p
	}
	_ = b.flag("auto_join_policies")
	macros, debug := !b.flag("disable_macros"), b.flag("debug")
	read := func(key string, status int, misplaced func(*policy.Check) string) *policy.Set {
		o := b.object(key)
		if o == nil {
			return nil
		}
		s := o.policySet(status, macros, misplaced)
		if debug {
			s.Debug = o.path
		}
		if key == "resp" {
			for i, c := range s.Checks {
				o.emptyAnswer(o.elementAt("policies", i), c, streams)
				s.WithRequest = s.WithRequest || c.Request
			}
		}
		return s
	}
	p.request = read("req", http.StatusInternalServerError, func(c *policy.Check) string {
		switch {
		case c.Token:
			return "is about JWT: it belongs into jwt"
		case c.Answer:
			return "is about the answer: it belongs into resp"
		}
		return ""
	})
	p.answer = read("resp", http.StatusInternalServerError, func(c *policy.Check) string {
		switch {
		case c.Token:
			return "is about JWT: it belongs into jwt"
		case c.Request && at == atBackend:
			return "is about the request, which is not at hand when a backend answers: it belongs into req, or into the endpoint"
		}
		return ""
	})
	p.token = read("jwt", http.StatusUnauthorized, func(c *policy.Check) string {
		if c.Answer {
			return "is about the answer: it belongs into resp"
		}
		return ""
	})
	if p.token != nil && at == atBackend {
		b.problem(b.at("jwt"), "belongs into the endpoint, not into a backend")
		p.token = nil
	}
	b.close(nil)
	return p
}

// policySet reads what must hold of one thing. misplaced says why an expression can't
// stand here, "" when it can.
func (b *block) policySet(status int, macros bool, misplaced func(*policy.Check) string) *policy.Set {
	s := &policy.Set{Status: status, ContentType: "text/plain"}
	list := b.texts("policies")
	if len(list) == 0 && (!b.has("policies") || b.emptyList("policies")) {
		b.problem(b.at("policies"), "missing: expressions such as req_method == 'GET'")
	}
	for i, expression := range list {
		where := b.elementAt("policies", i)
		c, err := policy.CompileCheck(expression)
		if err != nil {
			b.problem(where, "%v", err)
			continue
		}
		if why := misplaced(c); why != "" {
			b.problem(where, "%s", why)
			continue
		}
		if c.Macro != "" && !macros {
			b.problem(where, "%s is not there: disable_macros is true", c.Macro)
			continue
		}
		s.Checks = append(s.Checks, c)
	}
	if o := b.object("error"); o != nil {
		o.policyError(s)
	}
	b.close(nil)
	return s
}

// policyError reads what is answered when a policy of s does not hold.
func (b *block) policyError(s *policy.Set) {
	if v, path, ok := b.find("status"); ok {
		n, isNumber := asInt(v)
		if !isNumber || n < 200 || n > 599 {
			b.problem(path, "must be a status from 200 to 599 (got %s)", show(v))
		} else {
			s.Status = int(n)
		}
	}
	s.Body = b.text("body")
	if contentType := b.text("content_type"); contentType != "" {
		s.ContentType = contentType
	}
	b.close(nil)
}
