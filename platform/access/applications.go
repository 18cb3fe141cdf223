package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"strings"
	"time"
)

// Application is one API whose events are kept together.
type Application struct {
	Number        int64     // 1 for the first
	ID            string    // internal; stays when ApplicationID is changed
	Name          string    // for people
	ApplicationID string    // what clients of the collector send; write-only right
	CreatedAt     time.Time // UTC, microseconds
}

// appIndex is never changed after it was built.
type appIndex struct {
	list  []Application
	byKey map[[sha256.Size]byte]Application // by the hash of ApplicationID
}

// openApplications reads them. Without any it makes one, with the application id
// first unless that is "".
func (g *Gate) openApplications(ctx context.Context, first string) error {
	list, err := g.readApplications(ctx)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		if first == "" {
			first = newApplicationID()
		} else if !isApplicationID(first) {
			return errors.New("the application id of the first application must be 16 to 256 visible ASCII characters: whoever guesses it can send events")
		}
		err := g.db.Write(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, queries.Get("add_application"), newID("app"), "My API", first, g.clock().UnixMicro())
			return err
		})
		if err != nil {
			return err
		}
		if list, err = g.readApplications(ctx); err != nil {
			return err
		}
	}
	index := &appIndex{list: list, byKey: make(map[[sha256.Size]byte]Application, len(list))}
	for _, a := range list {
		index.byKey[sha256.Sum256([]byte(a.ApplicationID))] = a
	}
	g.apps.Store(index)
	return nil
}

func (g *Gate) readApplications(ctx context.Context) (list []Application, err error) {
	rows, err := g.db.Reader().QueryContext(ctx, queries.Get("applications"))
	if err != nil {
		return nil, err
	}
	defer closeRows(rows, &err)
	for rows.Next() {
		var a Application
		var at int64
		if err := rows.Scan(&a.Number, &a.ID, &a.Name, &a.ApplicationID, &at); err != nil {
			return nil, err
		}
		a.CreatedAt = time.UnixMicro(at).UTC()
		list = append(list, a)
	}
	return list, rows.Err()
}

func closeRows(rows *sql.Rows, err *error) {
	if e := rows.Close(); *err == nil {
		*err = e
	}
}

// Applications lists the applications, oldest first. There is at least one.
// The caller must not change the slice.
func (g *Gate) Applications() []Application { return g.apps.Load().list }

// Application finds an application by its internal id.
func (g *Gate) Application(id string) (Application, bool) {
	for _, a := range g.apps.Load().list {
		if a.ID == id {
			return a, true
		}
	}
	return Application{}, false
}

// ByApplicationID finds the application a collector's client names. It compares
// hashes, so its timing tells nothing about the ids there are.
func (g *Gate) ByApplicationID(applicationID string) (Application, bool) {
	a, ok := g.apps.Load().byKey[sha256.Sum256([]byte(applicationID))]
	return a, ok
}

func isApplicationID(id string) bool {
	invisible := func(r rune) bool { return r <= ' ' || r > '~' }
	return len(id) >= 16 && len(id) <= 256 && !strings.ContainsFunc(id, invisible)
}

// newApplicationID makes an id of 78 random characters: Moesif's node SDK
// refuses fewer than 50, and its Kong plugin tells applications apart by the
// last ten (Moesif wire, 0.11).
func newApplicationID() string { return rand.Text() + rand.Text() + rand.Text() }

func newID(kind string) string { return kind + "_" + strings.ToLower(rand.Text()[:12]) }
