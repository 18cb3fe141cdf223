// Package api is the console's API: /api/v1, described by the OpenAPI document
// at /api/openapi.json.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/backup"
	"github.com/gatemeter/gatemeter/platform/cohorts"
	"github.com/gatemeter/gatemeter/platform/customers"
	"github.com/gatemeter/gatemeter/platform/dashboards"
	"github.com/gatemeter/gatemeter/platform/erase"
	"github.com/gatemeter/gatemeter/platform/events"
	"github.com/gatemeter/gatemeter/platform/load"
	"github.com/gatemeter/gatemeter/platform/retention"
	"github.com/gatemeter/gatemeter/platform/rules"
	"github.com/prometheus/client_golang/prometheus"
)

// answerTime bounds how long an answer may be computed.
const answerTime = 30 * time.Second

// Books tells the balance of every application that received anything.
type Books interface {
	Books(ctx context.Context) ([]load.Balance, error)
}

// Events answers questions about what is stored. Their errors wrap
// events.ErrQuestion, events.ErrNotFound or events.ErrMemory when the caller can mend them.
type Events interface {
	List(ctx context.Context, f events.Filter, p events.Page) (list []wire.Event, next string, err error)
	Get(ctx context.Context, app, transactionID string) (wire.Event, error)
	Series(ctx context.Context, f events.Filter, by string, interval time.Duration, groups int) (events.Series, error)
	Top(ctx context.Context, f events.Filter, by string, limit int) (events.Table, error)
	Customers(ctx context.Context, f events.Filter, by string) ([]events.Customer, error)
	Walk(ctx context.Context, w events.Walk, each func(*wire.Event) error) error
	Analyse(ctx context.Context, a events.Analysis) (events.Answer, error)
	Funnel(ctx context.Context, f events.Funnel) ([]events.StepCount, error)
	Retention(ctx context.Context, r events.Retention) ([]events.Cohort, error)
}

var _ Events = (*events.Store)(nil)

// Options are the parts an API stands on; all are required.
type Options struct {
	Gate      *access.Gate
	Events    Events
	Customers *customers.Store
	Cohorts   *cohorts.Store
	Rules     *rules.Rules
	Books     Books
	Backups   Backups
	Retention Retention
	Exporter  Exporter
	Scratch   Scratch
	Erasures  Erasures
	Sources   Sources
	Metrics   prometheus.Registerer
	Clock     func() time.Time
	Logger    *slog.Logger
	Version   string

	Dashboards *dashboards.Store
}

// api serves the operations; each of its files is a page of the console.
type api struct {
	Options
	huma huma.API
}

// New returns the handler of everything under /api/.
func New(o Options) http.Handler {
	mux := http.NewServeMux()
	a := &api{Options: o, huma: humago.New(mux, describe(o.Version))}
	a.huma.UseMiddleware(newTimes(o.Metrics).timed, a.guard)
	a.register()
	mux.Handle(access.OIDCPath, o.Gate.OIDCHandler())
	mux.HandleFunc("/api/", refuse(http.StatusNotFound, "no such operation: see /api/openapi.json"))
	// A session's cookie is SameSite and needs a header besides; signing in
	// does not, and must not be done by another site's page either.
	sameOrigin := http.NewCrossOriginProtection()
	sameOrigin.SetDenyHandler(refuse(http.StatusForbidden, "another site's page may not do this"))
	return sameOrigin.Handler(o.Gate.Sessions(mux))
}

// register adds every operation.
func (a *api) register() {
	a.addSession()
	a.addApps()
	a.addEvents()
	a.addUsage()
	a.addCompanies()
	a.addUsers()
	a.addCohorts()
	a.addCustomer()
	a.addRules()
	a.addRuleStates()
	a.addRuleHistory()
	a.addDryRun()
	a.addConfig()
	a.addPeople()
	a.addTokens()
	a.addAudit()
	a.addAnalytics()
	a.addDashboards()
	a.addEmbed()
	a.addBackup()
	a.addRetention()
	a.addExport()
	a.addErasures()
	a.addSources()
}

// refuse answers everything with one problem document (RFC 9457).
func refuse(status int, detail string) http.HandlerFunc {
	body, err := json.Marshal(huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: detail})
	if err != nil {
		panic(err) // a struct of strings and numbers
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		_, _ = w.Write(body) // the client is gone: nothing to be done
	}
}

// describe returns what the OpenAPI document says of the whole.
func describe(version string) huma.Config {
	config := huma.DefaultConfig("gatemeter", version)
	config.Info.Description = "Who calls your API, how often, how fast and with what result. " +
		"The collector's side, where events come in, speaks Moesif's protocol under /v1/ and is not described here."
	config.OpenAPIPath = "/api/openapi"
	config.DocsPath = ""
	config.SchemasPath = ""
	config.CreateHooks = nil // no $schema members in answers
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {
			Type: "apiKey", In: "cookie", Name: access.SessionCookie,
			Description: "Set by POST /api/v1/session. Requests other than GET also need the header X-Gatemeter-CSRF: 1.",
		},
		"bearer": {
			Type: "http", Scheme: "bearer",
			Description: "An API token, whose scopes are the rights x-right of the operations, or the administrator's token, given to the platform as GATEMETER_ADMIN_TOKEN, which has every right.",
		},
	}
	config.Security = []map[string][]string{{"session": {}}, {"bearer": {}}}
	config.OnAddOperation = append(config.OnAddOperation, showRight)
	return config
}

type principalKey struct{}

// principal returns who makes the request.
func principal(ctx context.Context) access.Principal {
	p, _ := ctx.Value(principalKey{}).(access.Principal)
	return p
}

type remoteKey struct{}

// remote returns the address of the client's connection.
func remote(ctx context.Context) string {
	addr, _ := ctx.Value(remoteKey{}).(string)
	return addr
}

// guard lets nobody in who is not known or has not the right, no other site's page
// act in the name of somebody who is, and nothing be changed without an entry in
// the audit log.
func (a *api) guard(ctx huma.Context, next func(huma.Context)) {
	ctx.SetHeader("Cache-Control", "no-store")
	p, err := a.Gate.Identify(ctx.Context(), ctx.Header("Authorization"), ctx.RemoteAddr())
	if err != nil {
		a.write(ctx, a.failure(ctx.Context(), err))
		return
	}
	changes := ctx.Method() != http.MethodGet && ctx.Method() != http.MethodHead
	if changes && !p.Admin && p.Token == "" && ctx.Header("X-Gatemeter-CSRF") != "1" {
		if _, err := huma.ReadCookie(ctx, access.SessionCookie); err == nil {
			a.write(ctx, huma.Error403Forbidden("send the header X-Gatemeter-CSRF: 1 with a session's cookie"))
			return
		}
	}
	if err := allowed(p, ctx.Operation()); err != nil {
		a.write(ctx, err)
		return
	}
	limited, cancel := context.WithTimeout(ctx.Context(), answerTime)
	if ctx.Operation().Metadata[streamsKey] != nil {
		cancel()
		limited, cancel = context.WithCancel(ctx.Context())
	}
	defer cancel()
	limited = context.WithValue(limited, principalKey{}, p)
	limited = context.WithValue(limited, remoteKey{}, ctx.RemoteAddr())
	if changes && !onlyAsks(ctx.Operation()) {
		a.audited(huma.WithContext(ctx, limited), p, next)
		return
	}
	next(huma.WithContext(ctx, limited))
}

// write answers a failure from within the middleware.
func (a *api) write(ctx huma.Context, failure error) {
	var h huma.HeadersError
	if errors.As(failure, &h) {
		for name, values := range h.GetHeaders() {
			ctx.SetHeader(name, values[0])
		}
	}
	status, detail := http.StatusInternalServerError, "internal error"
	var s *huma.ErrorModel
	if errors.As(failure, &s) {
		status, detail = s.Status, s.Detail
	}
	if status == http.StatusUnauthorized {
		ctx.SetHeader("WWW-Authenticate", `Bearer realm="gatemeter"`)
	}
	if err := huma.WriteErr(a.huma, ctx, status, detail); err != nil {
		a.Logger.Debug("an answer was not read to its end", "error", err)
	}
}

// failure turns an error of the platform into an answer. What the caller can
// not mend is logged here, and only here.
func (a *api) failure(ctx context.Context, err error) error {
	var many *access.TooManyError
	var field *access.FieldError
	var invalid *rules.InvalidError
	var cohort *cohorts.InvalidError
	var card *dashboards.FieldError
	var days *retention.InvalidError
	var status huma.StatusError
	switch {
	case errors.As(err, &status):
		return err
	case errors.As(err, &many):
		seconds := strconv.Itoa(int(many.RetryAfter/time.Second) + 1)
		return huma.ErrorWithHeaders(huma.Error429TooManyRequests(many.Error()), http.Header{"Retry-After": {seconds}})
	case errors.As(err, &field):
		return unprocessable("body."+field.Field, field.Message)
	case errors.As(err, &card):
		return unprocessable("body."+card.Field, card.Message)
	case errors.Is(err, dashboards.ErrNotYours):
		return huma.Error403Forbidden(dashboards.ErrNotYours.Error())
	case errors.Is(err, dashboards.ErrToken):
		return huma.Error401Unauthorized(dashboards.ErrToken.Error())
	case errors.As(err, &days):
		return unprocessable("body."+days.Field, days.Message)
	case errors.As(err, &invalid):
		return unprocessables(invalid.Problems)
	case errors.As(err, &cohort):
		return wrongCohort(cohort)
	case errors.Is(err, cohorts.ErrKind):
		return unprocessable("body.kind", cohorts.ErrKind.Error())
	case errors.Is(err, access.ErrRefused):
		return huma.Error401Unauthorized("that is not a valid sign-in: check the token, or the e-mail and the password")
	case errors.Is(err, access.ErrOwnersOnly):
		return huma.Error403Forbidden(access.ErrOwnersOnly.Error())
	case errors.Is(err, access.ErrLastOwner):
		return huma.Error409Conflict(access.ErrLastOwner.Error())
	case errors.Is(err, access.ErrNobody):
		return huma.Error403Forbidden("only a person who is signed in with a session can do this")
	case errors.Is(err, access.ErrEmailTaken):
		return huma.Error409Conflict(access.ErrEmailTaken.Error())
	case errors.Is(err, access.ErrNotFound), errors.Is(err, events.ErrNotFound), errors.Is(err, customers.ErrNotFound), errors.Is(err, cohorts.ErrNotFound),
		errors.Is(err, rules.ErrNotFound), errors.Is(err, rules.ErrNoVersion), errors.Is(err, dashboards.ErrNotFound), errors.Is(err, erase.ErrNotFound):
		return huma.Error404NotFound("there is none with this id")
	case errors.Is(err, rules.ErrChanged):
		return huma.Error409Conflict("somebody changed the rule meanwhile: read it again")
	case errors.Is(err, events.ErrQuestion):
		return huma.Error422UnprocessableEntity(err.Error())
	case errors.Is(err, backup.ErrBusy):
		return huma.Error409Conflict(backup.ErrBusy.Error())
	case errors.Is(err, backup.ErrNoSpace):
		return huma.NewError(http.StatusInsufficientStorage, err.Error())
	case errors.Is(err, events.ErrMemory):
		return huma.Error503ServiceUnavailable(events.ErrMemory.Error() + ": ask for a shorter range, or without bodies")
	case errors.Is(err, context.DeadlineExceeded):
		return huma.Error504GatewayTimeout("this takes too long: ask for a shorter range")
	case ctx.Err() != nil:
		return huma.Error503ServiceUnavailable("the request was given up")
	}
	a.Logger.Error("the console API could not answer", "error", err)
	return huma.Error503ServiceUnavailable("this cannot be answered at the moment: see the platform's log")
}

// unprocessable refuses one field of a request.
func unprocessable(location, message string) error {
	name := location
	for i := range location {
		if location[i] == '.' {
			name = location[i+1:]
			break
		}
	}
	return huma.Error422UnprocessableEntity(name+": "+message, &huma.ErrorDetail{Location: location, Message: message})
}

// unprocessables refuses fields of a request's body.
func unprocessables(problems []rules.Problem) error {
	details := make([]error, len(problems))
	for i, p := range problems {
		details[i] = &huma.ErrorDetail{Location: strings.TrimSuffix("body."+p.Field, "."), Message: p.Message}
	}
	return huma.Error422UnprocessableEntity("this cannot be used: see errors", details...)
}

// application returns the application a request is about; "" is the only one.
func (a *api) application(id string) (access.Application, error) {
	if id == "" {
		if list := a.Gate.Applications(); len(list) == 1 {
			return list[0], nil
		}
		return access.Application{}, unprocessable("query.app", "say which application: there are several (see /api/v1/apps)")
	}
	app, ok := a.Gate.Application(id)
	if !ok {
		return app, huma.Error404NotFound("app: there is no application " + strconv.Quote(id) + " (see /api/v1/apps)")
	}
	return app, nil
}
