package management

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/customers"
)

// maxProfiles bounds a batch.
const maxProfiles = 1000

func (a *API) addProfiles() {
	addProfiles(a, "users", customers.KindUser, wire.DecodeUser, a.Customers.UpsertUsers, func(u wire.User) string { return u.UserID })
	addProfiles(a, "companies", customers.KindCompany, wire.DecodeCompany, a.Customers.UpsertCompanies, func(u wire.Company) string { return u.CompanyID })
	addProfiles(a, "subscriptions", customers.KindSubscription, wire.DecodeSubscription, a.Customers.UpsertSubscriptions, func(u wire.Subscription) string { return u.SubscriptionID })
	a.handle("GET /v1/search/~/companies/{id}/subscriptions", access.ReadCustomers, func(c call) error {
		list, err := a.Customers.SubscriptionDocuments(c.Context(), c.app.ID, c.PathValue("id"))
		if err != nil {
			return err
		}
		out := make([]map[string]any, len(list))
		for i, d := range list {
			out[i] = subscriptionOf(c, d)
		}
		return c.answer(http.StatusOK, out)
	})
}

// addProfiles adds the operations of one kind of customer.
func addProfiles[P any](a *API, path, kind string, decode func([]byte) (P, error),
	store func(ctx context.Context, app string, ps []P) ([]wire.Rejection, error), idOf func(P) string,
) {
	root := "/v1/search/~/" + path
	shown := func(c call, id string) (any, error) {
		d, err := a.Customers.Document(c.Context(), c.app.ID, kind, id)
		if err != nil {
			return nil, err
		}
		if kind == customers.KindSubscription {
			return subscriptionOf(c, d), nil
		}
		return profileOf(c, kind, d), nil
	}
	upsert := func(c call, items [][]byte) ([]any, error) {
		ps := make([]P, len(items))
		for i, item := range items {
			p, err := decode(item)
			if err != nil {
				return nil, bad("body["+strconv.Itoa(i)+"]", "%v", err)
			}
			ps[i] = p
		}
		refused, err := store(c.Context(), c.app.ID, ps)
		if err != nil {
			return nil, err
		}
		if len(refused) > 0 {
			return nil, refusal(http.StatusRequestEntityTooLarge, "body["+strconv.Itoa(refused[0].Index)+"]: the profile would become too large; what else was sent is kept")
		}
		out := make([]any, len(ps))
		for i, p := range ps {
			if out[i], err = shown(c, idOf(p)); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	a.handle("POST "+root, access.WriteCustomers, func(c call) error {
		data, err := c.body()
		if err != nil {
			return err
		}
		out, err := upsert(c, [][]byte{data})
		if err != nil {
			return err
		}
		return c.answer(http.StatusCreated, out[0])
	})
	a.handle("POST "+root+"/batch", access.WriteCustomers, func(c call) error {
		data, err := c.body()
		if err != nil {
			return err
		}
		var items []json.RawMessage
		if err := json.Unmarshal(data, &items); err != nil || len(items) > maxProfiles {
			return bad("body", "must be a JSON array of at most %d profiles", maxProfiles)
		}
		list := make([][]byte, len(items))
		for i := range items {
			list[i] = items[i]
		}
		if len(list) == 0 {
			return c.answer(http.StatusCreated, []any{})
		}
		out, err := upsert(c, list)
		if err != nil {
			return err
		}
		return c.answer(http.StatusCreated, out)
	})
	a.handle("GET "+root+"/{id}", access.ReadCustomers, func(c call) error {
		out, err := shown(c, c.PathValue("id"))
		if err != nil {
			return err
		}
		return c.answer(http.StatusOK, out)
	})
	a.handle("DELETE "+root+"/{id}", access.WriteCustomers, func(c call) error {
		switch text := c.URL.Query().Get("delete_events"); text {
		case "", "false":
		default:
			return bad("delete_events", "must be false: events are erased in the console (got %q)", text)
		}
		if err := a.Customers.Delete(c.Context(), c.app.ID, kind, c.PathValue("id")); err != nil {
			return err
		}
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

// profileOf is a user or company as the search shows it: metadata is also there as
// body, which is what Moesif calls it.
func profileOf(c call, kind string, d customers.Document) map[string]any {
	source := map[string]any{}
	if err := json.Unmarshal(d.Profile, &source); err != nil || source == nil {
		source = map[string]any{}
	}
	if m, ok := source["metadata"].(map[string]any); ok {
		source["body"] = m
		for _, name := range []string{"name", "first_name", "last_name", "email", "phone", "photo_url"} {
			if v, ok := m[name]; ok {
				source[name] = v
			}
		}
	}
	if tokens, ok := source["session_tokens"]; ok {
		source["session_token"] = tokens
		delete(source, "session_tokens")
	}
	source["org_id"], source["app_id"] = orgID, appID(c.app)
	if d.CompanyID != "" {
		source["company_id"] = d.CompanyID
	}
	if kind == customers.KindUser {
		source["user_id"] = d.ID
	}
	for name, at := range map[string]time.Time{"first_seen_time": d.FirstSeen, "last_seen_time": d.LastSeen, "modified_time": d.ModifiedAt} {
		if !at.IsZero() {
			source[name] = at
		}
	}
	return map[string]any{"_id": d.ID, "_source": source}
}

// subscriptionOf is a subscription in the form of the collector's.
func subscriptionOf(c call, d customers.Document) map[string]any {
	out := map[string]any{}
	if err := json.Unmarshal(d.Profile, &out); err != nil || out == nil {
		out = map[string]any{}
	}
	out["subscription_id"], out["company_id"], out["status"] = d.ID, d.CompanyID, d.Status
	out["org_id"], out["app_id"] = orgID, appID(c.app)
	if !d.ModifiedAt.IsZero() {
		out["modified_time"] = d.ModifiedAt
	}
	return out
}
