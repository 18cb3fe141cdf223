package api

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/gatemeter/gatemeter/platform/access"
)

// operations returns every operation of the OpenAPI document, by method and path.
func operations() map[string]*huma.Operation {
	a := &api{Options: Options{Logger: slog.New(slog.DiscardHandler)}, huma: humago.New(http.NewServeMux(), describe("test"))}
	a.register()
	all := map[string]*huma.Operation{}
	for path, item := range a.huma.OpenAPI().Paths {
		for method, o := range map[string]*huma.Operation{
			"GET": item.Get, "PUT": item.Put, "POST": item.Post, "DELETE": item.Delete,
			"PATCH": item.Patch, "HEAD": item.Head, "OPTIONS": item.Options, "TRACE": item.Trace,
		} {
			if o != nil {
				all[method+" "+path] = o
			}
		}
	}
	return all
}

func TestEveryOperationSaysWhoMayDoIt(t *testing.T) {
	all := operations()
	if len(all) < 20 {
		t.Fatalf("only %d operations: the test looks in the wrong place", len(all))
	}
	for name, o := range all {
		right, needed := o.Metadata[rightKey].(access.Right)
		said := 0
		for _, is := range []bool{needed, o.Metadata[ownKey] != nil, o.Metadata[publicKey] != nil} {
			if is {
				said++
			}
		}
		if said != 1 {
			t.Errorf("%s (%s): say in its Metadata exactly one of needs(right), own and public", name, o.OperationID)
			continue
		}
		if needed && (right.Means() == "" || o.Extensions[rightExtension] != right) {
			t.Errorf("%s: the right %q does not exist, or is not in the document", name, right)
		}
		if needed && !strings.HasPrefix(name, "GET ") && strings.HasSuffix(string(right), ":read") {
			// Allowed for questions that need a body; they leave no entry in the audit log.
			if !strings.HasPrefix(name, "POST ") {
				t.Errorf("%s changes something with a right to read", name)
			}
		}
	}
}

func TestAnOperationThatSaysNothingIsRefusedToEverybody(t *testing.T) {
	silent := &huma.Operation{OperationID: "silent"}
	for name, p := range map[string]access.Principal{"administrator": {Admin: true}, "owner": {Person: "p", Role: access.Owner}, "nobody": {}} {
		if allowed(p, silent) == nil {
			t.Errorf("%s may", name)
		}
	}
}
