package api

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/platform/access"
)

// Every operation says who may do it, in its Metadata: needs(right), own (about
// oneself) or public (needs no sign-in). One that says nothing is refused to
// everybody.
const (
	rightKey  = "right"
	ownKey    = "own"
	publicKey = "public"
	// rightExtension shows the right in the OpenAPI document.
	rightExtension = "x-right"
)

// needs marks an operation that needs this right.
func needs(right access.Right) map[string]any { return map[string]any{rightKey: right} }

var (
	// own marks operations on whoever is signed in.
	own = map[string]any{ownKey: true}
	// public marks operations that need no sign-in.
	public = map[string]any{publicKey: true}
	// open is the Security of such operations.
	open = []map[string][]string{{}}
)

// allowed says why p may not do the operation; nil when it may.
func allowed(p access.Principal, o *huma.Operation) error {
	right, declared := o.Metadata[rightKey].(access.Right)
	switch {
	case o.Metadata[publicKey] != nil:
		return nil
	case !p.SignedIn():
		return huma.Error401Unauthorized("sign in first, or send Authorization: Bearer with an API token")
	case o.Metadata[ownKey] != nil:
		return nil
	case !declared:
		return huma.Error403Forbidden("nobody may do this: the operation does not say what right it needs")
	case p.May(right):
		return nil
	case p.FirstRun:
		return huma.Error403Forbidden("set an e-mail and a password first")
	case p.Token != "":
		return huma.Error403Forbidden("this token may not: it needs the scope " + string(right) + ", and its maker the role " + string(right.Lowest()))
	}
	return huma.Error403Forbidden("the role " + string(p.Role) + " may not: this needs the role " + string(right.Lowest()) + " or a higher one")
}

// onlyAsks reports whether an operation changes nothing although its method is
// that of a change: a right to read is enough for it.
func onlyAsks(o *huma.Operation) bool {
	right, _ := o.Metadata[rightKey].(access.Right)
	return strings.HasSuffix(string(right), ":read")
}

// showRight writes into the OpenAPI document what an operation needs.
func showRight(_ *huma.OpenAPI, o *huma.Operation) {
	right, ok := o.Metadata[rightKey].(access.Right)
	if !ok {
		return
	}
	if o.Extensions == nil {
		o.Extensions = map[string]any{}
	}
	o.Extensions[rightExtension] = right
}

// audited makes a change and sees to its entry in the audit log.
func (a *api) audited(ctx huma.Context, p access.Principal, next func(huma.Context)) {
	url := ctx.URL()
	with, finish := a.Gate.Audited(ctx.Context(), p, access.Entry{
		Address: ctx.RemoteAddr(), Operation: ctx.Operation().OperationID,
		Target: strings.TrimPrefix(url.Path, "/api/v1"), App: ctx.Query("app"),
	})
	next(huma.WithContext(ctx, with))
	if status := ctx.Status(); status >= http.StatusBadRequest {
		return
	}
	if err := finish(); err != nil {
		a.Logger.Error("a change has no entry in the audit log", "operation", ctx.Operation().OperationID, "error", err)
	}
}
