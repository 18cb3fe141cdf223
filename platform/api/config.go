package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/access"
	"github.com/gatemeter/gatemeter/platform/rules"
)

// maxConfigRequest is enough for the largest tables of rates.
const maxConfigRequest = 16 << 20

// Config is what gateways and SDKs are told besides the rules. Rates are the
// percentage of calls that are reported.
type Config struct {
	SampleRate               *int              `json:"sample_rate" required:"false" nullable:"false" doc:"Rate of all calls that nothing else is said of, 0 to 100; 100 when left out." example:"100"`
	UserSampleRate           map[string]int    `json:"user_sample_rate" required:"false" doc:"Rates by user id, at most 100,000. They come before those of companies." example:"{\"ada\":100}"`
	CompanySampleRate        map[string]int    `json:"company_sample_rate" required:"false" doc:"Rates by company id, at most 100,000." example:"{\"acme\":20}"`
	RegexConfig              []SamplingGroup   `json:"regex_config" required:"false" nullable:"false" doc:"Rates by what is called. The first group that holds counts, and of its rate and the customer's the smaller one."`
	BlockBotTraffic          bool              `json:"block_bot_traffic" required:"false" doc:"Whether well-known crawlers are blocked, by gateways that were told to (block_listed_ips)." example:"false"`
	IPAddressesBlockedByName map[string]string `json:"ip_addresses_blocked_by_name" required:"false" doc:"Addresses that are blocked, by gateways that were told to (block_listed_ips). The name is what blocked calls have as blocked_by." example:"{\"scraper\":\"203.0.113.9\"}"`
}

// TransformSchema says that answers have every member; ConfigDraft may leave out some.
func (Config) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema { return complete(s) }

// ConfigDraft is a configuration as it is sent.
type ConfigDraft Config

// SamplingGroup is the rate of calls for which all conditions hold.
type SamplingGroup struct {
	Conditions []Condition `json:"conditions" nullable:"false" doc:"Like those of rules; response.status can be looked at too."`
	SampleRate int         `json:"sample_rate" doc:"Rate of these calls, 0 to 100." example:"10"`
}

type changeConfigRequest struct {
	OfApp
	Body ConfigDraft
}

type configAnswer struct{ Body Config }

func (a *api) addConfig() {
	tags := []string{"governance"}
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-config", Method: http.MethodGet, Path: "/api/v1/config", Tags: tags, Metadata: needs(access.ReadRules), Errors: []int{401, 404, 422, 503},
		Summary: "Sampling and block lists",
	}, func(ctx context.Context, r *OfApp) (*configAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		c, err := a.Rules.Config(ctx, app.ID)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return &configAnswer{Body: configOf(c)}, nil
	})
	huma.Register(a.huma, huma.Operation{
		OperationID: "change-config", Method: http.MethodPut, Path: "/api/v1/config", Tags: tags, Metadata: needs(access.WriteRules), Errors: []int{401, 403, 404, 413, 422, 503},
		MaxBodyBytes: maxConfigRequest, BodyReadTimeout: bodyTime,
		Summary: "Replace sampling and block lists", Description: "Whole: what is left out gets its default. Gateways that wait for changes are told at once.",
	}, func(ctx context.Context, r *changeConfigRequest) (*configAnswer, error) {
		app, err := a.application(r.App)
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		c, err := a.Rules.SetConfig(ctx, app, r.Body.config())
		if err != nil {
			return nil, a.failure(ctx, err)
		}
		return &configAnswer{Body: configOf(c)}, nil
	})
}

// config returns what is kept of a draft.
func (d ConfigDraft) config() rules.Config {
	c := rules.DefaultConfig()
	if d.SampleRate != nil {
		c.SampleRate = *d.SampleRate
	}
	c.UserSampleRate, c.CompanySampleRate = d.UserSampleRate, d.CompanySampleRate
	c.BlockBotTraffic, c.IPAddressesBlockedByName = d.BlockBotTraffic, d.IPAddressesBlockedByName
	for _, g := range d.RegexConfig {
		c.RegexConfig = append(c.RegexConfig, wire.RegexGroup{Conditions: wireConditions(g.Conditions), SampleRate: &g.SampleRate})
	}
	return c
}

// configOf returns a configuration as it is shown.
func configOf(c rules.Config) Config {
	shown := Config{
		SampleRate: &c.SampleRate, UserSampleRate: c.UserSampleRate, CompanySampleRate: c.CompanySampleRate,
		RegexConfig: make([]SamplingGroup, len(c.RegexConfig)), BlockBotTraffic: c.BlockBotTraffic, IPAddressesBlockedByName: c.IPAddressesBlockedByName,
	}
	for i, g := range c.RegexConfig {
		shown.RegexConfig[i] = SamplingGroup{Conditions: conditionsOf(g.Conditions), SampleRate: *g.SampleRate}
	}
	return shown
}
