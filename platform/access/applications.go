package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// Application is one API whose events are kept together.
type Application struct {
	Number        int64     // 1 for the first
	ID            string    // internal; stays when ApplicationID is changed
	Name          string    // for people
	ApplicationID string    // what clients of the collector send; write-only right
	CreatedAt     time.Time // UTC, microseconds

	// Rate is how many events a second the collector takes in the long run, Burst
	// how many at once; a Rate of 0 is no limit.
	Rate, Burst int
	// RevokedAt is when its ids stopped to be worth anything; the zero time: never.
	RevokedAt time.Time
}

// OldID is an application id that was replaced and goes on for a while.
type OldID struct {
	Tail  string    // its last characters
	Until time.Time // from when on it is refused
}

// appIndex is never changed after it was built.
type appIndex struct {
	list     []Application
	byKey    map[[sha256.Size]byte]key // by the hash of an application id
	old      map[string][]OldID        // by the application's internal id
	limiters map[string]*rate.Limiter  // of those with a Rate, by the same
}

// key is what an application id opens.
type key struct {
	app   Application
	until time.Time // the zero time: for as long as nobody changes it
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
	return g.indexApplications(ctx, list)
}

// indexApplications makes list what the gate goes by.
func (g *Gate) indexApplications(ctx context.Context, list []Application) error {
	index := &appIndex{
		list: list, byKey: make(map[[sha256.Size]byte]key, len(list)),
		old: map[string][]OldID{}, limiters: map[string]*rate.Limiter{},
	}
	byID := make(map[string]Application, len(list))
	for i, a := range list {
		byID[a.ID] = a
		if a.RevokedAt.IsZero() {
			index.byKey[sha256.Sum256([]byte(a.ApplicationID))] = key{app: a}
		} else {
			list[i].ApplicationID = ""
		}
		if a.Rate > 0 {
			index.limiters[a.ID] = g.limiterOf(a)
		}
	}
	if err := g.readOldIDs(ctx, index, byID); err != nil {
		return err
	}
	g.apps.Store(index)
	return nil
}

// readOldIDs adds the application ids that go on for a while.
func (g *Gate) readOldIDs(ctx context.Context, index *appIndex, byID map[string]Application) (err error) {
	rows, err := g.db.Reader().QueryContext(ctx, queries.Get("old_application_ids"), g.clock().UnixMicro())
	if err != nil {
		return err
	}
	defer closeRows(rows, &err)
	for rows.Next() {
		var hash []byte
		var app, tail string
		var until int64
		if err := rows.Scan(&hash, &app, &tail, &until); err != nil {
			return err
		}
		if a, ok := byID[app]; ok && len(hash) == sha256.Size {
			at := time.UnixMicro(until).UTC()
			index.byKey[[sha256.Size]byte(hash)] = key{app: a, until: at}
			index.old[app] = append(index.old[app], OldID{Tail: tail, Until: at})
		}
	}
	return rows.Err()
}

func (g *Gate) readApplications(ctx context.Context) (list []Application, err error) {
	rows, err := g.db.Reader().QueryContext(ctx, queries.Get("applications"))
	if err != nil {
		return nil, err
	}
	defer closeRows(rows, &err)
	for rows.Next() {
		var a Application
		var at, revoked int64
		if err := rows.Scan(&a.Number, &a.ID, &a.Name, &a.ApplicationID, &at, &a.Rate, &a.Burst, &revoked); err != nil {
			return nil, err
		}
		a.CreatedAt, a.RevokedAt = time.UnixMicro(at).UTC(), timeOrZero(revoked)
		list = append(list, a)
	}
	return list, rows.Err()
}

// timeOrZero returns the instant; 0 is the zero time.
func timeOrZero(micro int64) time.Time {
	if micro == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micro).UTC()
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
// hashes, so its timing tells nothing about the ids there are. An id that was
// replaced is found until its time is over.
func (g *Gate) ByApplicationID(applicationID string) (Application, bool) {
	k, ok := g.apps.Load().byKey[sha256.Sum256([]byte(applicationID))]
	if !ok || !k.until.IsZero() && !g.clock().Before(k.until) {
		return Application{}, false
	}
	return k.app, true
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
