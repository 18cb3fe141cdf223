// Package rules serves what gateways and SDKs are to enforce: an application's
// configuration and its governance rules, with the tags that tell when they
// changed. There is no way to make rules yet, so the documents are the ones of
// an application without any.
package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
)

// Header names of the tags (Moesif wire, 1.5). The second has no "E".
const (
	ConfigTagHeader = "X-Moesif-Config-ETag"
	RulesTagHeader  = "X-Moesif-Rules-Tag"
)

// Tags tell clients whether they have to fetch a document again. Many SDKs
// watch the config's tag only, so it changes with the rules too (Moesif wire, 0.3).
type Tags struct{ Config, Rules string }

// Document is one JSON document as it is served.
type Document struct {
	Body []byte
	Tag  string // wakes whoever waits for a change
	ETag string // of the content alone: decides whether it is sent again
}

// Documents are what one application serves. They are never changed after they
// were made.
type Documents struct {
	Config, Rules Document
	Tags          Tags
}

// Rules holds the documents of every application. It is safe for concurrent use.
type Rules struct {
	mu   sync.Mutex
	apps map[string]*Documents // by application; guarded by mu

	closeOnce sync.Once
	closed    chan struct{}
}

// New returns the documents of applications without rules.
func New() *Rules {
	return &Rules{apps: map[string]*Documents{}, closed: make(chan struct{})}
}

// Close ends every wait; documents are still served.
func (r *Rules) Close() { r.closeOnce.Do(func() { close(r.closed) }) }

// Of returns the documents of an application.
func (r *Rules) Of(app access.Application) (*Documents, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.apps[app.ID]; d != nil {
		return d, nil
	}
	d, err := build(app)
	if err != nil {
		return nil, fmt.Errorf("rules: %s: %w", app.ID, err)
	}
	r.apps[app.ID] = d
	return d, nil
}

func build(app access.Application) (*Documents, error) {
	config, err := json.Marshal(wire.AppConfig{
		OrgID:      "1:1", // one organisation per platform
		AppID:      fmt.Sprintf("1:%d", app.Number),
		SampleRate: 100,
	})
	if err != nil {
		return nil, err
	}
	rules, err := json.Marshal([]wire.Rule{})
	if err != nil {
		return nil, err
	}
	configHash, rulesHash := contentHash(config), contentHash(rules)
	tags := Tags{Config: contentHash([]byte(configHash + rulesHash)), Rules: rulesHash}
	return &Documents{
		Config: Document{Body: config, Tag: tags.Config, ETag: configHash},
		Rules:  Document{Body: rules, Tag: tags.Rules, ETag: rulesHash},
		Tags:   tags,
	}, nil
}

// contentHash is stable across restarts, so that a restart resends nothing.
func contentHash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:12])
}
