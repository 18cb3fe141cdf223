package management

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/customers"
	"github.com/gatemeter/gatemeter/platform/events"
)

func (a *API) addSearch() {
	a.handle("POST /v1/search/~/search/events", access.ReadEvents, a.searchEvents)
	a.handle("POST /v1/search/~/count/events", access.ReadEvents, a.countEvents)
	a.handle("GET /v1/search/~/events/{id}", access.ReadEvents, a.getEvent)
	for path, kind := range map[string]string{"users": customers.KindUser, "companies": customers.KindCompany} {
		a.handle("POST /v1/search/~/count/"+path, access.ReadCustomers, func(c call) error {
			n, err := a.countProfiles(c, kind)
			if err != nil {
				return err
			}
			return c.answer(http.StatusCreated, object{"count": n})
		})
	}
}

// scope reads what the query string says: which application, and which time.
func (a *API) scope(c call) (events.Filter, *parser, error) {
	query := c.URL.Query()
	in, err := zone(query.Get("time_zone"))
	p := &parser{now: a.Clock().UTC(), zone: in}
	f := events.Filter{App: c.app.ID}
	if err != nil {
		return f, p, err
	}
	for name, to := range map[string]*time.Time{"from": &f.From, "to": &f.To} {
		if s := query.Get(name); s != "" {
			if *to, err = moment(name, s, p.now, in); err != nil {
				return f, p, err
			}
		}
	}
	if query.Get("to") == "now" {
		f.To = time.Time{} // clocks differ, and what happened this very moment counts
	}
	if !f.From.IsZero() && !f.To.IsZero() && f.To.Before(f.From) {
		return f, p, bad("from", "must not be after to")
	}
	return f, p, nil
}

// document reads the body, which is one JSON object.
func document(c call, known ...string) (object, error) {
	data, err := c.body()
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, bad("body", "is no JSON: %v", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, bad("body", "has something behind its end")
	}
	return members("body", v, known...)
}

// searchMembers are what a search can have.
var searchMembers = []string{"query", "post_filter", "size", "from", "sort", "search_after", "aggs", "aggregations", "_source", "track_total_hits", "track_scores", "version"}

func (a *API) searchEvents(c call) error {
	f, p, err := a.scope(c)
	if err != nil {
		return err
	}
	o, err := document(c, searchMembers...)
	if err != nil {
		return err
	}
	q := events.Search{Filter: f}
	if err := p.search(o, &q); err != nil {
		return err
	}
	began := a.Clock()
	found, err := a.Events.Search(c.Context(), q)
	if err != nil {
		return err
	}
	hits := make([]object, len(found.Events))
	for i := range found.Events {
		hit := a.hit(c, &found.Events[i])
		hit["sort"] = sortValues(found.Places[i])
		hits[i] = hit
	}
	answer := object{
		"took": a.Clock().Sub(began).Milliseconds(), "timed_out": false,
		"hits": object{"total": found.Total, "hits": hits},
	}
	if len(q.Aggs) > 0 {
		answer["aggregations"] = aggregations(found.Aggs)
	}
	return c.answer(http.StatusCreated, answer)
}

// search reads the body of a search into q.
func (p *parser) search(o object, q *events.Search) (err error) {
	for name, to := range map[string]*events.Where{"query": &q.Where, "post_filter": &q.Hits} {
		if v, ok := o[name]; ok && v != nil && !isEmpty(v) {
			if *to, err = p.query(name, v, 0); err != nil {
				return err
			}
		}
	}
	if q.Limit, err = whole("size", o["size"], 10, 0, 1000); err != nil {
		return err
	}
	if q.Skip, err = whole("from", o["from"], 0, 0, 10_000); err != nil {
		return err
	}
	if err := p.sort(o["sort"], q); err != nil {
		return err
	}
	if err := p.after(o["search_after"], q); err != nil {
		return err
	}
	aggs := o["aggs"]
	if aggs == nil {
		aggs = o["aggregations"]
	}
	q.Aggs, err = p.aggs("aggs", aggs, 0)
	// Bodies are most of an event: who asks for no source gets none of them.
	q.Bodies = o["_source"] != false
	return err
}

func isEmpty(v any) bool {
	o, ok := v.(object)
	return ok && len(o) == 0
}

// sort reads one field, and its direction.
func (p *parser) sort(v any, q *events.Search) error {
	if v == nil {
		return nil
	}
	var keys []any
	for _, key := range list(v) {
		if name, _, err := only("sort", key); err == nil && (name == "_id" || name == "_doc") || key == "_id" || key == "_doc" || key == "_score" {
			continue // the id always comes last
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil
	}
	if len(keys) > 1 {
		return bad("sort", "must be one field; events of the same value come by id")
	}
	name, direction := "", any("asc")
	if s, ok := keys[0].(string); ok {
		name = s
	} else {
		var err error
		if name, direction, err = only("sort[0]", keys[0]); err != nil {
			return err
		}
		if o, ok := direction.(object); ok {
			if o, err = members("sort[0]."+name, o, "order", "unmapped_type", "missing", "mode"); err != nil {
				return err
			}
			if direction = o["order"]; direction == nil {
				direction = "asc"
			}
		}
	}
	f, err := fieldOf("sort[0]", name)
	if err != nil {
		return err
	}
	q.Sort = f
	q.Up, err = upward("sort[0]."+name, direction)
	return err
}

// after reads what a hit's sort has told.
func (p *parser) after(v any, q *events.Search) error {
	if v == nil {
		return nil
	}
	values, ok := v.([]any)
	if !ok || len(values) < 1 || len(values) > 2 {
		return bad("search_after", "must be the sort of a hit")
	}
	place := &events.Place{}
	if len(values) == 2 {
		id, ok := values[1].(string)
		if !ok || len(id) > 1024 {
			return bad("search_after[1]", "must be the id of a hit")
		}
		place.ID = id
	}
	if values[0] != nil {
		if err := scalar("search_after[0]", values[0]); err != nil {
			return err
		}
		place.Value = values[0]
		if q.Sort.Name == "" || q.Sort.Kind == events.Time {
			at, err := moment("search_after[0]", text(values[0]), p.now, p.zone)
			if err != nil {
				return err
			}
			place.Value = at
		}
	}
	q.After = place
	return nil
}

// sortValues tells where a hit stands: times in milliseconds, with their fraction.
func sortValues(p events.Place) []any {
	if at, ok := p.Value.(time.Time); ok {
		us := at.UnixMicro()
		ms := strconv.FormatFloat(float64(us)/1000, 'f', -1, 64)
		return []any{json.Number(ms), p.ID}
	}
	return []any{p.Value, p.ID}
}

func (a *API) countEvents(c call) error {
	f, p, err := a.scope(c)
	if err != nil {
		return err
	}
	o, err := document(c, "query")
	if err != nil {
		return err
	}
	q := events.Search{Filter: f}
	if v := o["query"]; v != nil && !isEmpty(v) {
		if q.Where, err = p.query("query", v, 0); err != nil {
			return err
		}
	}
	found, err := a.Events.Search(c.Context(), q)
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, object{"count": found.Total})
}

func (a *API) countProfiles(c call, kind string) (int64, error) {
	o, err := document(c, "query")
	if err != nil {
		return 0, err
	}
	if v := o["query"]; v != nil && !isEmpty(v) {
		if name, _, err := only("query", v); err != nil || name != "match_all" {
			return 0, bad("query", "must be match_all: profiles cannot be searched here")
		}
	}
	return a.Customers.Count(c.Context(), c.app.ID, kind)
}

// getEvent answers one event. event_time narrows where to look.
func (a *API) getEvent(c call) error {
	q := events.Search{Filter: events.Filter{App: c.app.ID}, Limit: 1, Bodies: true}
	if s := c.URL.Query().Get("event_time"); s != "" {
		at, err := moment("event_time", s, a.Clock().UTC(), time.UTC)
		if err != nil {
			return err
		}
		// Scripts write the time in milliseconds, or cut it to seconds.
		q.Filter.From, q.Filter.To = at.Add(-time.Minute), at.Add(time.Minute)
	}
	f, err := events.FieldOf("_id")
	if err != nil {
		return err
	}
	q.Where = events.OneOf{Field: f, Values: []any{c.PathValue("id")}}
	found, err := a.Events.Search(c.Context(), q)
	if err != nil {
		return err
	}
	if len(found.Events) == 0 {
		return events.ErrNotFound
	}
	return c.answer(http.StatusOK, a.hit(c, &found.Events[0]))
}

// hit is an event as Moesif's search shows it: the collector's form with more.
func (a *API) hit(c call, e *wire.Event) object {
	source := object{}
	decoder := json.NewDecoder(bytes.NewReader(wire.AppendEvent(nil, e)))
	decoder.UseNumber()
	if err := decoder.Decode(&source); err != nil {
		a.Logger.Error("a stored event cannot be shown", "transaction_id", e.TransactionID, "error", err)
		source = object{}
	}
	source["id"], source["event_type"] = e.TransactionID, "api_call"
	source["org_id"], source["app_id"] = orgID, appID(c.app)
	if e.Weight == 0 {
		source["weight"] = 1
	}
	if r, ok := source["request"].(object); ok {
		r["route"] = routeOf(source, e)
	}
	if e.Response != nil && !e.Response.Time.IsZero() {
		source["duration_ms"] = max(0, e.Response.Time.Sub(e.Request.Time).Milliseconds())
	}
	return object{"_id": e.TransactionID, "_source": source}
}

// routeOf is the endpoint's pattern where a gateway told it, else the path.
func routeOf(source object, e *wire.Event) string {
	if m, ok := source["metadata"].(object); ok {
		if g, ok := m["gatemeter"].(object); ok {
			if route, ok := g["route"].(string); ok && route != "" {
				return route
			}
		}
	}
	path := e.Request.URI
	if _, rest, ok := strings.Cut(path, "://"); ok {
		if i := strings.IndexAny(rest, "/?#"); i >= 0 {
			path = rest[i:]
		} else {
			path = "/"
		}
	}
	path, _, _ = strings.Cut(path, "?")
	return path
}
