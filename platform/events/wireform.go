package events

import (
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// wireColumns are the columns that scanEvent reads, in its order.
const wireColumns = `time, transaction_id, duration_us, user_id, company_id, subscription_id, session, verb,
       scheme, host, path, query, uri, status, answered, ip, response_ip, api_version, direction,
       request_bytes, response_bytes, weight, blocked_by, request_headers, response_headers, metadata`

// briefColumns are the same with those only that a list of calls shows: of the address
// its path and query.
const briefColumns = `time, transaction_id, duration_us, user_id, company_id, NULL, NULL, verb,
       NULL, NULL, path, query, NULL, status, answered, NULL, NULL, NULL, NULL,
       NULL, NULL, 1, blocked_by, '{}', '{}', NULL`

// columns are those of a list of f, and behind them who says who called, and why the
// call was refused, where these are not in the metadata. What need not be read is left
// out, as it unpacks much besides: to find one row's headers, Zstandard unpacks those
// of the two thousand around it; to find its user, all users' ids of the row group.
func (f Filter) columns(brief bool) string {
	columns := wireColumns + ", NULL, NULL"
	if brief {
		columns = briefColumns + ", CASE WHEN NOT route_guessed THEN identity END, refused"
	}
	if f.UserID != "" {
		columns = strings.Replace(columns, "user_id", "NULL", 1)
	}
	return columns
}

// scanEvent puts the wire form together again, bodies apart. It differs from
// what was sent in this only: a weight of 0 is 1, the fields of a repeated
// header stand together, an answer is not older than its request, and times that
// were ahead are moved. Columns behind those of the event are read into more.
func scanEvent(rows *sql.Rows, more ...any) (wire.Event, error) {
	var (
		e                                          wire.Event
		answer                                     wire.Response
		at                                         time.Time
		duration, requestBytes, responseBytes      sql.NullInt64
		user, company, subscription, session       nullText
		scheme, host, query, rest                  nullText
		ip, responseIP, version, direction         nullText
		blockedBy, requestHeaders, responseHeaders nullText
		metadata                                   nullText
		answered                                   bool
		target                                     uri
	)
	err := rows.Scan(append([]any{&at, &e.TransactionID, &duration, &user, &company, &subscription, &session, &e.Request.Verb,
		&scheme, &host, &target.path, &query, &rest, &answer.Status, &answered, &ip, &responseIP, &version, &direction,
		&requestBytes, &responseBytes, &e.Weight, &blockedBy, &requestHeaders, &responseHeaders, &metadata}, more...)...)
	if err != nil {
		return wire.Event{}, fmt.Errorf("read event: %w", err)
	}
	target.scheme, target.host, target.query, target.rest = string(scheme), string(host), string(query), string(rest)
	e.UserID, e.CompanyID, e.SubscriptionID, e.SessionToken = string(user), string(company), string(subscription), string(session)
	e.Direction, e.BlockedBy = string(direction), string(blockedBy)
	e.Request.Time, e.Request.URI = at.UTC(), target.join()
	e.Request.IPAddress, e.Request.APIVersion = string(ip), string(version)
	e.Request.ContentLength = length(requestBytes)
	if metadata != "" {
		e.Metadata = []byte(metadata)
	}
	if e.Request.Headers, err = parseHeaders(string(requestHeaders)); err != nil {
		return wire.Event{}, err
	}
	if !answered {
		return e, nil
	}
	if duration.Valid {
		answer.Time = e.Request.Time.Add(time.Duration(duration.Int64) * time.Microsecond)
	}
	answer.IPAddress, answer.ContentLength = string(responseIP), length(responseBytes)
	if answer.Headers, err = parseHeaders(string(responseHeaders)); err != nil {
		return wire.Event{}, err
	}
	e.Response = &answer
	return e, nil
}

func length(n sql.NullInt64) int64 {
	if !n.Valid {
		return -1
	}
	return n.Int64
}

// nullText reads null as the empty string.
type nullText string

// Scan implements sql.Scanner.
func (t *nullText) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*t = ""
	case string:
		*t = nullText(v)
	default:
		return fmt.Errorf("a text column holds %T", v)
	}
	return nil
}
