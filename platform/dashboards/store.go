// Package dashboards keeps charts, dashboards, and the tokens with which one of
// them can be shown on somebody else's page.
package dashboards

import (
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatemeter/gatemeter/platform/state"
)

//go:embed queries.sql
var queriesFile string

var queries = state.ParseQueries(queriesFile)

// Bounds, of one application where they count.
const (
	MaxCharts      = 1000
	MaxDashboards  = 200
	MaxTiles       = 30
	maxName        = 200       // characters
	maxDescription = 2000      // characters
	maxQuestion    = 32 * 1024 // bytes
)

// Errors a caller can act on.
var (
	ErrNotFound = errors.New("there is no such chart or dashboard")
	// ErrNotYours says that somebody else made it.
	ErrNotYours = errors.New("only who made this can change it: make a copy")
)

// FieldError says which field was wrong, and why.
type FieldError struct{ Field, Message string }

func (e *FieldError) Error() string { return e.Field + ": " + e.Message }

// Everybody is the viewer who sees and may change what anybody made.
const Everybody = "*"

// Card is what a chart and a dashboard have in common.
type Card struct {
	ID          string
	Owner       string // a person's id; "" for nobody in particular: everybody may change it
	Name        string // 1 to 200 characters
	Description string // at most 2000 characters
	Shared      bool   // whether others see it
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Chart is a question that was kept. What is in it is for the caller to check.
type Chart struct {
	Card
	Question json.RawMessage // at most 32 KiB
}

// Tile is the place of a chart on a dashboard, in columns of twelve and in rows.
type Tile struct {
	Chart  string `json:"chart"`
	Width  int    `json:"width"`  // 3 to 12
	Height int    `json:"height"` // 1 to 4
}

// Dashboard is charts side by side, in the order of the tiles.
type Dashboard struct {
	Card
	Tiles []Tile // at most 30
}

// Store is safe for concurrent use.
type Store struct {
	db    *state.DB
	clock func() time.Time
}

// New returns a store in db.
func New(db *state.DB, clock func() time.Time) *Store { return &Store{db: db, clock: clock} }

// Charts lists what a viewer, a person's id, sees: the oldest first.
func (s *Store) Charts(ctx context.Context, app, viewer string) ([]Chart, error) {
	return s.charts(ctx, app, "", viewer)
}

// Chart returns one chart, or ErrNotFound.
func (s *Store) Chart(ctx context.Context, app, id, viewer string) (Chart, error) {
	list, err := s.charts(ctx, app, id, viewer)
	if err != nil || id == "" || len(list) == 0 {
		return Chart{}, errors.Join(ErrNotFound, err)
	}
	return list[0], nil
}

func (s *Store) charts(ctx context.Context, app, id, viewer string) (list []Chart, err error) {
	err = s.cards(ctx, "charts", app, id, viewer, func(c Card, document []byte) error {
		list = append(list, Chart{c, document})
		return nil
	})
	return list, err
}

// Dashboards lists what a viewer sees: the oldest first.
func (s *Store) Dashboards(ctx context.Context, app, viewer string) ([]Dashboard, error) {
	return s.dashboards(ctx, app, "", viewer)
}

// Dashboard returns one dashboard, or ErrNotFound.
func (s *Store) Dashboard(ctx context.Context, app, id, viewer string) (Dashboard, error) {
	list, err := s.dashboards(ctx, app, id, viewer)
	if err != nil || id == "" || len(list) == 0 {
		return Dashboard{}, errors.Join(ErrNotFound, err)
	}
	return list[0], nil
}

func (s *Store) dashboards(ctx context.Context, app, id, viewer string) (list []Dashboard, err error) {
	err = s.cards(ctx, "dashboards", app, id, viewer, func(c Card, document []byte) error {
		d := Dashboard{Card: c}
		list = append(list, d)
		return json.Unmarshal(document, &list[len(list)-1].Tiles)
	})
	return list, err
}

func (s *Store) cards(ctx context.Context, what, app, id, viewer string, add func(Card, []byte) error) (err error) {
	rows, err := s.db.Reader().QueryContext(ctx, queries.Get(what), app, id, viewer)
	if err != nil {
		return fmt.Errorf("dashboards: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var c Card
		var document []byte
		var created, updated int64
		if err := rows.Scan(&c.ID, &c.Owner, &c.Name, &c.Description, &c.Shared, &document, &created, &updated); err != nil {
			return fmt.Errorf("dashboards: %w", err)
		}
		c.CreatedAt, c.UpdatedAt = time.UnixMicro(created).UTC(), time.UnixMicro(updated).UTC()
		if err := add(c, document); err != nil {
			return fmt.Errorf("dashboards: %w", err)
		}
	}
	return rows.Err()
}

// SaveChart makes a chart of owner when its id is "", else changes it.
func (s *Store) SaveChart(ctx context.Context, app, viewer string, c Chart) (Chart, error) {
	if len(c.Question) > maxQuestion {
		return c, &FieldError{"question", fmt.Sprintf("must have at most %d bytes", maxQuestion)}
	}
	var old Chart // stays empty for a new one
	var err error
	if c.ID != "" {
		if old, err = s.Chart(ctx, app, c.ID, viewer); err != nil {
			return c, err
		}
	}
	c.Card, err = s.save(ctx, "chart", MaxCharts, app, viewer, old.Card, c.Card, c.Question)
	return c, err
}

// SaveDashboard makes a dashboard of owner when its id is "", else changes it.
func (s *Store) SaveDashboard(ctx context.Context, app, viewer string, d Dashboard) (Dashboard, error) {
	if err := s.checkTiles(ctx, app, viewer, d); err != nil {
		return d, err
	}
	var old Dashboard // stays empty for a new one
	var err error
	if d.ID != "" {
		if old, err = s.Dashboard(ctx, app, d.ID, viewer); err != nil {
			return d, err
		}
	}
	if d.Tiles == nil {
		d.Tiles = []Tile{}
	}
	document, err := json.Marshal(d.Tiles)
	if err != nil {
		return d, err
	}
	d.Card, err = s.save(ctx, "dashboard", MaxDashboards, app, viewer, old.Card, d.Card, document)
	return d, err
}

func (s *Store) checkTiles(ctx context.Context, app, viewer string, d Dashboard) error {
	if len(d.Tiles) > MaxTiles {
		return &FieldError{"tiles", fmt.Sprintf("must be at most %d", MaxTiles)}
	}
	charts, err := s.Charts(ctx, app, viewer)
	if err != nil {
		return err
	}
	shared := make(map[string]bool, len(charts))
	for _, c := range charts {
		shared[c.ID] = c.Shared
	}
	for i, tile := range d.Tiles {
		at := fmt.Sprintf("tiles[%d].", i)
		seen, known := shared[tile.Chart]
		switch {
		case !known:
			return &FieldError{at + "chart", "there is no chart with this id"}
		case d.Shared && !seen:
			return &FieldError{at + "chart", "is not shared, but the dashboard is: share the chart first"}
		case tile.Width < 3 || tile.Width > 12:
			return &FieldError{at + "width", "must be 3 to 12 columns"}
		case tile.Height < 1 || tile.Height > 4:
			return &FieldError{at + "height", "must be 1 to 4 rows"}
		}
	}
	return nil
}

func (s *Store) save(ctx context.Context, what string, most int, app, viewer string, old, c Card, document []byte) (Card, error) {
	c.Name, c.Description = strings.TrimSpace(c.Name), strings.TrimSpace(c.Description)
	if n := utf8.RuneCountInString(c.Name); n == 0 || n > maxName {
		return c, &FieldError{"name", fmt.Sprintf("must have 1 to %d characters", maxName)}
	}
	if utf8.RuneCountInString(c.Description) > maxDescription {
		return c, &FieldError{"description", fmt.Sprintf("must have at most %d characters", maxDescription)}
	}
	if old.ID != "" && !old.MayChange(viewer) {
		return c, ErrNotYours
	}
	now := s.clock().UTC().Truncate(time.Microsecond)
	c.UpdatedAt = now
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		if old.ID != "" {
			c.Owner, c.CreatedAt = old.Owner, old.CreatedAt
			_, err := tx.ExecContext(ctx, queries.Get("change_"+what), app, c.ID, c.Name, c.Description, c.Shared, string(document), now.UnixMicro())
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, queries.Get("count_"+what+"s"), app).Scan(&n); err != nil {
			return err
		}
		if n >= most {
			return &FieldError{"name", fmt.Sprintf("there are %d already, and no more are possible: delete some", most)}
		}
		c.ID, c.CreatedAt = strings.ToLower(rand.Text()[:16]), now
		if c.Owner = viewer; viewer == Everybody {
			c.Owner = ""
		}
		_, err := tx.ExecContext(ctx, queries.Get("add_"+what), app, c.ID, c.Owner, c.Name, c.Description, c.Shared, string(document), now.UnixMicro())
		return err
	})
	if err != nil {
		return c, fmt.Errorf("dashboards: %w", err)
	}
	return c, nil
}

// MayChange reports whether a viewer may change it.
func (c Card) MayChange(viewer string) bool {
	return c.Owner == "" || c.Owner == viewer || viewer == Everybody
}

// DeleteChart deletes a chart; dashboards lose its tile.
func (s *Store) DeleteChart(ctx context.Context, app, id, viewer string) error {
	c, err := s.Chart(ctx, app, id, viewer)
	return s.remove(ctx, "delete_chart", app, viewer, c.Card, err)
}

// DeleteDashboard deletes a dashboard; its charts stay.
func (s *Store) DeleteDashboard(ctx context.Context, app, id, viewer string) error {
	d, err := s.Dashboard(ctx, app, id, viewer)
	return s.remove(ctx, "delete_dashboard", app, viewer, d.Card, err)
}

func (s *Store) remove(ctx context.Context, statement, app, viewer string, c Card, err error) error {
	if err != nil {
		return err
	}
	if !c.MayChange(viewer) {
		return ErrNotYours
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, queries.Get(statement), app, c.ID)
		return err
	})
}
