package customers

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Values returns what the profiles of users or companies have at paths, in the order
// of paths and as text, by id; "" where there is nothing. Who is not known is left
// out. A path is that of a merge tag (Moesif wire, 4): `body.plan` or `metadata.plan`
// in the metadata; else a member of the profile (`company_domain`,
// `campaign.utm_term`), and one of the metadata where there is none of that name;
// user_id, company_id, name, and first_seen_time or created are those that lists show.
// A key may have dots.
func (s *Store) Values(ctx context.Context, app, kind string, ids, paths []string) (map[string][]string, error) {
	wanted, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	found := make(map[string][]string, len(ids))
	err = s.read(ctx, "profiles_"+tables[kind], []any{app, string(wanted)}, func(rows *sql.Rows) error {
		var k Known
		var name string
		var first sql.NullInt64
		var text sql.RawBytes
		if err := rows.Scan(&k.ID, &k.CompanyID, &name, &first, &text); err != nil {
			return err
		}
		profile, err := object(text)
		if err != nil {
			return fmt.Errorf("profile of %s %q: %w", kind, k.ID, err)
		}
		k.FirstSeen = timeOf(first)
		values := make([]string, len(paths))
		for i, path := range paths {
			values[i] = valueAt(kind, k, name, profile, path)
		}
		found[k.ID] = values
		return nil
	})
	return found, err
}

func valueAt(kind string, k Known, name string, profile map[string]any, path string) string {
	switch path {
	case "user_id", "identified_user_id":
		if kind == KindUser {
			return k.ID
		}
	case "company_id":
		return k.CompanyID
	case "name":
		return name
	case "first_seen_time", "created":
		if !k.FirstSeen.IsZero() {
			return k.FirstSeen.Format(time.RFC3339)
		}
	}
	metadata := profile["metadata"]
	for _, prefix := range []string{"body.", "metadata."} {
		if within, ok := strings.CutPrefix(path, prefix); ok {
			return textAt(metadata, within)
		}
	}
	if text := textAt(profile, path); text != "" {
		return text
	}
	return textAt(metadata, path)
}

// textAt walks path through objects, by the shortest keys that lead somewhere, and
// returns what is there as text: of anything but a string its JSON.
func textAt(value any, path string) string {
	object, ok := value.(map[string]any)
	if !ok {
		return ""
	}
	if found, ok := object[path]; ok {
		return textOf(found)
	}
	for end, c := range path {
		if c != '.' {
			continue
		}
		if text := textAt(object[path[:end]], path[end+1:]); text != "" {
			return text
		}
	}
	return ""
}

func textOf(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if e.Encode(value) != nil { // of what was decoded: it can't fail
		return ""
	}
	return strings.TrimSuffix(text.String(), "\n")
}
