package config

import (
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/moesif"
	"github.com/gatemeter/gatemeter/policy"
)

// moesif reads telemetry/moesif, which the integration itself checks; nil when
// the block is absent.
func (b *block) moesif(o *block, env func(string) (string, bool)) *moesif.Config {
	if o == nil {
		if id, _ := env("GATEMETER_APPLICATION_ID"); id != "" {
			b.warn("GATEMETER_APPLICATION_ID", "has no effect: there is no %s in extra_config", moesif.Namespace)
		}
		return nil
	}
	cfg, errs := moesif.ParseConfig(o.values)
	cfg, more := cfg.WithEnvironment(env)
	for _, err := range append(errs, more...) {
		path, message, ok := strings.Cut(err.Error(), ": ")
		if !ok {
			path, message = o.path, err.Error()
		}
		if key, inBlock := strings.CutPrefix(path, moesif.Namespace); inBlock {
			path = o.path + key
		}
		again := func(p Problem) bool { return p.Path == path }
		if !slices.ContainsFunc(b.problems, again) { // a wrong application id is missing as well
			b.problem(path, "%s", message)
		}
	}
	if cfg.ShouldSkip != "" {
		if _, err := policy.Compile(cfg.ShouldSkip); err != nil {
			b.problem(o.path+".should_skip", "%s", err)
		}
	}
	return &cfg
}
