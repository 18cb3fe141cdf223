// Package management answers Moesif's Management API, so that scripts that were
// written for it work: governance rules, cohorts, profiles, the search for events
// (Moesif wire, 4.8 and 7). It is asked with the console's bearer tokens.
package management

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/cohorts"
	"github.com/gatemeter/gatemeter/platform/customers"
	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/rules"
	"github.com/gatemeter/gatemeter/platform/state"
)

const (
	// answerTime bounds how long an answer may be computed.
	answerTime = 30 * time.Second
	// bodyTime bounds how long a body may take to come in.
	bodyTime = 20 * time.Second
	maxBody  = 8 << 20 // bytes
)

// EventStore finds events; *events.Store does.
type EventStore interface {
	Search(ctx context.Context, q events.Search) (events.Found, error)
}

var _ EventStore = (*events.Store)(nil)

// Options are the parts an API stands on; all are required.
type Options struct {
	Gate      *access.Gate
	State     *state.DB
	Events    EventStore
	Customers *customers.Store
	Cohorts   *cohorts.Store
	Rules     *rules.Rules
	Clock     func() time.Time
	Logger    *slog.Logger
}

// API serves the paths that Owns knows. It is safe for concurrent use.
type API struct {
	Options
	mux   *http.ServeMux
	quota *quota
}

var _ http.Handler = (*API)(nil)

// New returns an API.
func New(o Options) *API {
	a := &API{Options: o, mux: http.NewServeMux(), quota: newQuota(o.Clock)}
	a.addApps()
	a.addRules()
	a.addCohorts()
	a.addProfiles()
	a.addSearch()
	return a
}

// call is a request of somebody who may make it.
type call struct {
	*http.Request
	w   http.ResponseWriter
	who access.Principal
	app access.Application
}

// handle adds an operation, which needs a right, about one application.
func (a *API) handle(pattern string, right access.Right, answer func(c call) error) {
	a.handleAny(pattern, right, func(c call) (err error) {
		if c.app, err = a.application(c.URL.Query().Get("app_id")); err != nil {
			return err
		}
		if right.OnlyReads() {
			return answer(c)
		}
		ctx, finish := a.Gate.Audited(rules.By(c.Context(), nameOf(c.who)), c.who, access.Entry{
			Address: c.RemoteAddr, Operation: "management " + pattern, Target: c.URL.Path, App: c.app.ID,
		})
		c.Request = c.WithContext(ctx)
		if err := answer(c); err != nil {
			return err
		}
		if err := finish(); err != nil {
			a.Logger.Error("a change has no entry in the audit log", "operation", pattern, "error", err)
		}
		return nil
	})
}

// handleAny is handle for what is about no application.
func (a *API) handleAny(pattern string, right access.Right, answer func(c call) error) {
	a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), answerTime)
		defer cancel()
		r = r.WithContext(ctx)
		who, err := a.caller(r)
		switch {
		case err != nil:
		case !who.May(right):
			err = refusal(http.StatusForbidden, "this needs a token with the scope "+string(right))
		default:
			err = a.quota.take(r.Header.Get("Authorization"))
		}
		if err == nil {
			err = answer(call{Request: r, w: w, who: who})
		}
		if err != nil {
			a.refuse(w, r, err)
		}
	})
}

// nameOf is how the history of rules calls somebody.
func nameOf(p access.Principal) string {
	switch {
	case p.Admin:
		return "administrator's token"
	case p.TokenName != "":
		return "token " + strconv.Quote(p.TokenName)
	}
	return p.Email
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	r, err := ownOrganisation(r)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	if _, pattern := a.mux.Handler(r); pattern == "" {
		// A stranger is not told which paths there are.
		if _, err := a.caller(r); err != nil {
			a.refuse(w, r, err)
			return
		}
		answer := &unfound{ResponseWriter: w}
		a.mux.ServeHTTP(answer, r)
		a.refuse(w, r, answer.problem(r))
		return
	}
	a.mux.ServeHTTP(w, r)
}

// unfound takes what the mux says where it has no operation.
type unfound struct {
	http.ResponseWriter
	status int
}

func (u *unfound) WriteHeader(status int)      { u.status = status }
func (u *unfound) Write(b []byte) (int, error) { return len(b), nil }

func (u *unfound) problem(r *http.Request) *problem {
	if u.status == http.StatusMethodNotAllowed {
		return refusal(u.status, "the path takes other methods: "+u.Header().Get("Allow"))
	}
	return refusal(http.StatusNotFound, "the Management API of this platform has no "+r.URL.Path)
}

// caller returns who asks. Cookies do not count here: no other site's page can act
// in somebody's name.
func (a *API) caller(r *http.Request) (access.Principal, error) {
	authorization := r.Header.Get("Authorization")
	scheme, _, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return access.Principal{}, refusal(http.StatusUnauthorized, "send Authorization: Bearer with an API token, or the administrator's token")
	}
	p, err := a.Gate.Identify(r.Context(), authorization, r.RemoteAddr)
	if err == nil && !p.SignedIn() {
		err = access.ErrRefused
	}
	return p, err
}

// application finds the one that app_id names: "" and "~" are the only one, 1:2 is
// the second, as in what the collector serves.
func (a *API) application(id string) (access.Application, error) {
	list := a.Gate.Applications()
	if id == "" || id == "~" {
		if len(list) == 1 {
			return list[0], nil
		}
		return access.Application{}, refusal(http.StatusBadRequest, "app_id: say which application, there are several: see /v1/~/apps")
	}
	for _, app := range list {
		if id == app.ID || id == appID(app) {
			return app, nil
		}
	}
	return access.Application{}, refusal(http.StatusNotFound, "app_id: there is no application "+strconv.Quote(id)+": see /v1/~/apps")
}

// orgID is that of the only organisation of a platform.
const orgID = "1:1"

func appID(app access.Application) string { return fmt.Sprintf("1:%d", app.Number) }

// failure turns an error of the platform into what is answered; nil is one that
// only the operator can mend.
func failure(ctx context.Context, err error) *problem {
	var p *problem
	var many *access.TooManyError
	var invalid *rules.InvalidError
	var wrong *cohorts.InvalidError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &many):
		p := refusal(http.StatusTooManyRequests, many.Error())
		p.retryAfter = many.RetryAfter
		return p
	case errors.As(err, &invalid):
		return refusal(http.StatusBadRequest, invalid.Error())
	case errors.As(err, &wrong):
		return refusal(http.StatusBadRequest, wrong.Error())
	case errors.Is(err, cohorts.ErrKind):
		return refusal(http.StatusBadRequest, "cohort_type: "+cohorts.ErrKind.Error())
	case errors.Is(err, access.ErrRefused):
		return refusal(http.StatusUnauthorized, "that is not a valid token")
	case errors.Is(err, events.ErrNotFound), errors.Is(err, customers.ErrNotFound), errors.Is(err, rules.ErrNotFound), errors.Is(err, cohorts.ErrNotFound):
		return refusal(http.StatusNotFound, "there is none with this id")
	case errors.Is(err, events.ErrQuestion):
		return refusal(http.StatusBadRequest, err.Error())
	case errors.Is(err, events.ErrMemory):
		return refusal(http.StatusServiceUnavailable, events.ErrMemory.Error()+": ask for a shorter range")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(ctx.Err(), context.DeadlineExceeded):
		return refusal(http.StatusGatewayTimeout, "this takes too long: ask for a shorter range")
	case ctx.Err() != nil:
		return refusal(http.StatusServiceUnavailable, "the request was given up")
	}
	return nil
}

func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := failure(r.Context(), err)
	if p == nil {
		a.Logger.Error("the management API could not answer", "error", err)
		p = refusal(http.StatusServiceUnavailable, "this cannot be answered at the moment: see the platform's log")
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="gatemeter"`)
	}
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
	write(w, p.Status, "application/problem+json", p)
}

// problem is an answer that refuses a request (RFC 9457).
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`

	retryAfter time.Duration
}

func (p *problem) Error() string { return p.Detail }

func refusal(status int, detail string) *problem {
	return &problem{Title: http.StatusText(status), Status: status, Detail: detail}
}

// bad refuses one thing of a request.
func bad(where, format string, args ...any) error {
	return refusal(http.StatusBadRequest, where+": "+fmt.Sprintf(format, args...))
}

// answer writes v as JSON.
func (c call) answer(status int, v any) error {
	write(c.w, status, "application/json", v)
	return nil
}

func write(w http.ResponseWriter, status int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil { // every v is of this package
		panic(err)
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone: nothing to be done
}

// body reads the request's body, 8 MiB at most; an empty one is {}.
func (c call) body() ([]byte, error) {
	// Where there is no connection below, in tests, there is no deadline either.
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(bodyTime))
	if e := c.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, refusal(http.StatusUnsupportedMediaType, "Content-Encoding: must be identity (got "+strconv.Quote(e)+")")
	}
	data, err := io.ReadAll(http.MaxBytesReader(c.w, c.Body, maxBody))
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return nil, refusal(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", maxBody))
	}
	if err != nil {
		return nil, refusal(http.StatusBadRequest, "the body cannot be read")
	}
	if len(data) == 0 {
		data = []byte("{}")
	}
	return data, nil
}

// Owns reports whether a path below /v1/ is of the Management API: those of the
// collector have at most two parts, and the first is one of its words.
func Owns(path string) bool {
	first, rest, more := strings.Cut(strings.TrimPrefix(path, "/v1/"), "/")
	switch first {
	case "events", "actions", "users", "companies", "subscriptions", "config", "rules", "traces", "logs", "":
		return false
	}
	return more && rest != ""
}

// ownOrganisation returns r with ~ in the place of the organisation's id, which is
// the second or third part of a path: Moesif's ids look like 421:67, and scripts
// keep the one they have. A mux that had a wildcard there would panic.
func ownOrganisation(r *http.Request) (*http.Request, error) {
	parts := strings.Split(r.URL.EscapedPath(), "/") // "", v1, ...
	at := 2
	if len(parts) > 3 && parts[2] == "search" {
		at = 3
	}
	if len(parts) <= at {
		return r, nil
	}
	id, err := url.PathUnescape(parts[at])
	if err != nil || id != "~" && !isOrganisation(id) {
		return r, refusal(http.StatusNotFound, "the organisation must be ~ or an id like 421:67 (got "+strconv.Quote(id)+")")
	}
	parts[at] = "~"
	escaped := strings.Join(parts, "/")
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return r, refusal(http.StatusBadRequest, "the path cannot be read")
	}
	r2 := new(http.Request)
	*r2 = *r
	u := *r.URL
	u.Path, u.RawPath = path, escaped
	r2.URL = &u
	return r2, nil
}

func isOrganisation(id string) bool {
	first, second, ok := strings.Cut(id, ":")
	digits := func(s string) bool {
		return s != "" && len(s) < 20 && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	}
	return ok && digits(first) && digits(second)
}
