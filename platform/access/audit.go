package access

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/platform/state"
)

// Entry is a line of the audit log: who changed what, when and from where. No
// secret may ever stand in it.
type Entry struct {
	Number    int64 // grows with every entry
	At        time.Time
	WhoKind   string            // person, token, administrator or nobody
	WhoID     string            // of the person or token
	WhoName   string            // e-mail address or token's name, as it was then
	Address   string            // of the client's connection, without the port
	Operation string            // id of the operation, as in the OpenAPI document
	Target    string            // path of what was changed
	App       string            // internal id of the application, "" when none was named
	Notes     map[string]string // what else tells what was done
}

// maxNote bounds a note, in bytes.
const maxNote = 500

type noteKey struct{}

// notes collects what Note says about a change.
type notes struct {
	mu  sync.Mutex
	m   map[string]string // guarded by mu
	who Principal         // guarded by mu
}

// Note adds to the audit entry of the change that is made with ctx, if there is
// one. Say it before the change is written.
func Note(ctx context.Context, name, value string) {
	n, _ := ctx.Value(noteKey{}).(*notes)
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.m[name] = clip(value)
}

// noteWho says who a change makes of somebody who was not signed in before it.
func noteWho(ctx context.Context, p Principal) {
	n, _ := ctx.Value(noteKey{}).(*notes)
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if kind, _, _ := n.who.kind(); kind == "nobody" {
		n.who = p
	}
}

func clip(text string) string { return strings.ToValidUTF8(text[:min(len(text), maxNote)], "") }

// Audited returns a context for making a change that who asked for, and what to call
// when it was made; of e the address, operation, target and app count.
// The entry is written in the transaction of the first change to the state that
// is made with the context; finish writes it if none was.
func (g *Gate) Audited(ctx context.Context, who Principal, e Entry) (with context.Context, finish func() error) {
	n := &notes{m: map[string]string{}, who: who}
	ctx = context.WithValue(ctx, noteKey{}, n)
	write := func(ctx context.Context, tx *sql.Tx) error {
		n.mu.Lock()
		text, err := json.Marshal(n.m)
		kind, id, name := n.who.kind()
		n.mu.Unlock()
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, queries.Get("add_audit"), g.clock().UnixMicro(), kind, id, name,
			hostOf(e.Address), e.Operation, clip(e.Target), clip(e.App), string(text))
		if err != nil {
			return fmt.Errorf("access: audit: %w", err)
		}
		return nil
	}
	with, done := state.Along(ctx, write)
	return with, func() error {
		if done() {
			return nil
		}
		// The change is made: the entry is written even when the caller has gone.
		ctx := context.WithoutCancel(with)
		return g.db.Write(ctx, func(*sql.Tx) error { return nil })
	}
}

// Audit lists entries, newest first: at most limit of those with a Number below
// before (0: from the newest on), of one who unless whoID is "".
func (g *Gate) Audit(ctx context.Context, whoID string, before int64, limit int) (list []Entry, err error) {
	rows, err := g.db.Reader().QueryContext(ctx, queries.Get("audit"), before, before, whoID, whoID, limit)
	if err != nil {
		return nil, fmt.Errorf("access: audit: %w", err)
	}
	defer closeRows(rows, &err)
	for rows.Next() {
		var e Entry
		var at int64
		var text string
		if err := rows.Scan(&e.Number, &at, &e.WhoKind, &e.WhoID, &e.WhoName, &e.Address, &e.Operation, &e.Target, &e.App, &text); err != nil {
			return nil, fmt.Errorf("access: audit: %w", err)
		}
		if err := json.Unmarshal([]byte(text), &e.Notes); err != nil {
			return nil, fmt.Errorf("access: audit: %w", err)
		}
		e.At = time.UnixMicro(at).UTC()
		list = append(list, e)
	}
	return list, rows.Err()
}
