package customers

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
)

const (
	// MaxProfile bounds a stored profile, in bytes of JSON: upserts merge, so
	// nothing else would.
	MaxProfile = 1 << 20
	// maxSessions is how many session tokens a profile remembers, newest last.
	maxSessions = 1000

	sessions = "session_tokens"
)

var errTooLarge = errors.New("the profile would become too large")

// merge returns the stored profile with u merged in, recursively: objects are
// merged member by member, everything else is replaced. Session tokens are only
// ever appended (Moesif wire, 2.1).
func merge(stored []byte, u upsert) ([]byte, error) {
	profile, err := object(stored)
	if err != nil {
		return nil, err
	}
	sent, err := json.Marshal(u.document)
	if err != nil {
		return nil, err
	}
	document, err := object(sent)
	if err != nil {
		return nil, err
	}
	for _, name := range u.drop {
		delete(document, name)
	}
	mergeObjects(profile, document)
	if u.session != "" {
		tokens, _ := profile[sessions].([]any)
		if !slices.Contains(tokens, any(u.session)) {
			tokens = append(tokens, u.session)
		}
		profile[sessions] = tokens[max(0, len(tokens)-maxSessions):]
	}
	merged, err := json.Marshal(profile)
	if err == nil && len(merged) > MaxProfile {
		return nil, errTooLarge
	}
	return merged, err
}

// object reads a JSON object; numbers keep their digits.
func object(data []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	m := map[string]any{}
	return m, d.Decode(&m)
}

func mergeObjects(into, from map[string]any) {
	for key, value := range from {
		sub, isObject := value.(map[string]any)
		if old, ok := into[key].(map[string]any); ok && isObject {
			mergeObjects(old, sub)
			continue
		}
		into[key] = value
	}
}
