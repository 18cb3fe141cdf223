package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
)

// Tags tell clients whether they have to fetch a document again. Many SDKs
// watch the config's tag only, so it changes with the rules too (Moesif wire, 0.3).
type Tags struct{ Config, Rules string }

// Set puts both tags on an answer.
func (t Tags) Set(h http.Header) {
	h.Set(wire.ConfigTagHeader, t.Config)
	h.Set(wire.RulesTagHeader, t.Rules)
}

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

	app       access.Application
	configKey string           // hash of everything that Config was made of
	profiles  map[string]int64 // the kinds whose profiles Config has values of, with how often they had changed before
	replaced  chan struct{}    // closed when others are served instead
}

// input is what documents are made of, at one moment.
type input struct {
	config    Config
	rules     []Rule // those that are on, in served order
	configKey string
	profiles  map[string]int64 // as in Documents
	// sameConfig says that the configuration and the cohorts are those of the
	// documents before; then the rules have no customers here.
	sameConfig bool
}

// build makes the documents. Customers are written out only when they changed:
// there may be a hundred thousand of them.
func build(app access.Application, in input, before *Documents) (*Documents, error) {
	d := &Documents{app: app, configKey: in.configKey, profiles: in.profiles, replaced: make(chan struct{})}
	orgID, appID := "1:1", fmt.Sprintf("1:%d", app.Number) // one organisation per platform
	list := make([]wire.Rule, len(in.rules))
	for i, u := range in.rules {
		list[i] = u.Wire
		list[i].OrgID, list[i].AppID = orgID, appID
		list[i].CreatedAt = u.Wire.CreatedAt.Truncate(time.Millisecond) // as Moesif writes it
	}
	rules, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	d.Rules = Document{Body: rules, ETag: contentHash(rules)}
	if in.sameConfig {
		d.Config = before.Config
	} else {
		config, err := json.Marshal(configOf(in, orgID, appID))
		if err != nil {
			return nil, err
		}
		d.Config = Document{Body: config, ETag: contentHash(config)}
	}
	d.Tags = Tags{Config: contentHash([]byte(d.Config.ETag + d.Rules.ETag)), Rules: d.Rules.ETag}
	d.Config.Tag, d.Rules.Tag = d.Tags.Config, d.Tags.Rules
	return d, nil
}

// configOf names only rules that are served, each customer's in served order.
func configOf(in input, orgID, appID string) wire.AppConfig {
	c := wire.AppConfig{
		OrgID: orgID, AppID: appID,
		SampleRate:               in.config.SampleRate,
		BlockBotTraffic:          in.config.BlockBotTraffic,
		UserSampleRate:           in.config.UserSampleRate,
		CompanySampleRate:        in.config.CompanySampleRate,
		UserRules:                map[string][]wire.RuleRef{},
		CompanyRules:             map[string][]wire.RuleRef{},
		IPAddressesBlockedByName: in.config.IPAddressesBlockedByName,
		RegexConfig:              in.config.RegexConfig,
	}
	for _, u := range in.rules {
		members := c.UserRules
		if u.Wire.Type == typeCompany {
			members = c.CompanyRules
		}
		for _, m := range u.Customers {
			members[m.ID] = append(members[m.ID], wire.RuleRef{Rules: u.Wire.ID, Values: m.Values})
		}
	}
	return c
}

// contentHash is stable across restarts, so that a restart resends nothing.
func contentHash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:12])
}
