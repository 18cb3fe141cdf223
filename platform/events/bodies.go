package events

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// maxPageBodies bounds the bodies of a page, in bytes.
const maxPageBodies = 16 << 20

// addBodies reads the bodies of the first events of a list, and returns of how many: at
// least of one, and of all unless they have more bytes than most.
func addBodies(ctx context.Context, tx *sql.Tx, app string, list []wire.Event, most int) (with int, err error) {
	for with = len(list); with > 0; {
		rows, bytes, err := readBodies(ctx, tx, app, list[:with], most)
		if err != nil {
			return 0, err
		}
		if bytes <= most || with == 1 {
			break
		}
		with = max(1, min(with-1, most*rows/bytes))
	}
	return with, nil
}

// readBodies reads the bodies of events, and ends early when these have more bytes than
// most. It counts what it has read.
func readBodies(ctx context.Context, tx *sql.Tx, app string, list []wire.Event, most int) (rows, bytes int, err error) {
	byID := make(map[string]*wire.Event, len(list))
	args := make([]any, 3, 3+len(list))
	oldest, newest := maxMicros, minMicros
	for i := range list {
		at := list[i].Request.Time.UnixMicro()
		oldest, newest = min(oldest, at), max(newest, at)
		args = append(args, at)
		byID[list[i].TransactionID] = &list[i]
	}
	args[0], args[1], args[2] = app, oldest, newest
	const mark = "make_timestamp(?::BIGINT)"
	marks := map[string]string{"times": strings.Repeat(mark+", ", len(list)-1) + mark}
	err = query(ctx, tx, build("bodies", marks, condition{}, args, nil), func(r *sql.Rows) error {
		n, err := scanBodies(r, byID)
		if rows++; err == nil && bytes+n > most && rows > 1 {
			err = errEnough
		}
		bytes += n
		return err
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return rows, bytes, err
}

// errEnough ends a query.
var errEnough = errors.New("enough was read")

// scanBodies puts a row of the table bodies into the event it belongs to.
func scanBodies(rows *sql.Rows, byID map[string]*wire.Event) (bytes int, err error) {
	var id string
	var request, requestEncoding, response, responseEncoding nullText
	if err := rows.Scan(&id, &request, &requestEncoding, &response, &responseEncoding); err != nil {
		return 0, fmt.Errorf("read bodies: %w", err)
	}
	e := byID[id]
	if e == nil {
		return 0, nil
	}
	if request != "" {
		e.Request.Body, e.Request.TransferEncoding = []byte(request), string(requestEncoding)
	}
	if response != "" && e.Response != nil {
		e.Response.Body, e.Response.TransferEncoding = []byte(response), string(responseEncoding)
	}
	return len(request) + len(response), nil
}
