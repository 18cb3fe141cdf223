package events

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Walk selects requests to go through. App is required.
type Walk struct {
	App      string
	From, To time.Time // From is inclusive, To exclusive
	// BeforeID, unless it is "", adds those of the very time To whose transaction
	// id is smaller: where an earlier walk ended.
	BeforeID string
	Limit    int // 1 to MaxWalk; 0 is MaxWalk
	Headers  bool
	Bodies   bool // of requests
}

// MaxWalk is how many requests one walk gives at most.
const MaxWalk = 50_000

// Walk gives the requests that w selects to each, newest first, without their
// answers but for the status. It ends at the first error of each, and returns it. The
// event is valid during the call.
func (s *Store) Walk(ctx context.Context, w Walk, each func(*wire.Event) error) error {
	f := Filter{App: w.App, From: w.From, To: w.To}
	if w.BeforeID != "" {
		f.To = time.Time{}
	}
	c, err := f.condition()
	if err != nil {
		return err
	}
	if w.BeforeID != "" {
		us := micros(w.To)
		c.and("time <= make_timestamp(?::BIGINT) AND (time < make_timestamp(?::BIGINT) OR transaction_id < ?)", us, us, text(w.BeforeID))
	}
	limit := MaxWalk
	if w.Limit > 0 {
		limit = min(limit, w.Limit)
	}
	marks := map[string]string{"headers": "NULL", "body": "NULL", "encoding": "NULL", "bodies": ""}
	if w.Headers {
		marks["headers"] = "e.request_headers"
	}
	if w.Bodies {
		marks["body"], marks["encoding"] = "b.request_body", "b.request_encoding"
		marks["bodies"] = "LEFT JOIN bodies b ON b.app = e.app AND b.time = e.time AND b.transaction_id = e.transaction_id"
	}
	return s.ask(ctx, build("walk", marks, c, nil, []any{limit}), func(rows *sql.Rows) error {
		e, err := scanRequest(rows)
		if err != nil {
			return err
		}
		return each(&e)
	})
}

func scanRequest(rows *sql.Rows) (wire.Event, error) {
	var (
		e                                  wire.Event
		at                                 time.Time
		target                             uri
		user, company, scheme, host, query nullText
		rest, ip, blockedBy, metadata      nullText
		headers, body, encoding            nullText
		requestBytes                       sql.NullInt64
		status                             int
	)
	err := rows.Scan(&at, &e.TransactionID, &user, &company, &e.Request.Verb, &scheme, &host, &target.path, &query, &rest, &status, &ip,
		&requestBytes, &e.Weight, &blockedBy, &metadata, &headers, &body, &encoding)
	if err != nil {
		return e, fmt.Errorf("read request: %w", err)
	}
	target.scheme, target.host, target.query, target.rest = string(scheme), string(host), string(query), string(rest)
	e.UserID, e.CompanyID, e.BlockedBy = string(user), string(company), string(blockedBy)
	e.Request.Time, e.Request.URI, e.Request.IPAddress = at.UTC(), target.join(), string(ip)
	e.Request.ContentLength = length(requestBytes)
	if metadata != "" {
		e.Metadata = []byte(metadata)
	}
	if body != "" {
		e.Request.Body, e.Request.TransferEncoding = []byte(body), string(encoding)
	}
	if status > 0 {
		e.Response = &wire.Response{Status: status, ContentLength: -1}
	}
	if headers != "" {
		e.Request.Headers, err = parseHeaders(string(headers))
	}
	return e, err
}
