package main

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/moesif"
)

// section is where the plugin's keys stand in the root extra_config.
const section = "plugin/http-server." + name

var errShouldSkip = errors.New(section + ".should_skip: the plugin has no expression language: " +
	"remove the key, or move the block to " + moesif.Namespace + " and serve it with gatemeter run, which has one")

// settings reads the plugin's keys out of the block that the host hands over: those
// of telemetry/moesif, and trusted_proxies. The variables GATEMETER_* win over
// them. There is one error for each thing that is wrong.
func settings(extra map[string]any, env func(string) (string, bool)) (moesif.Config, []netip.Prefix, []error) {
	block, ok := extra[name].(map[string]any)
	if !ok {
		return moesif.Config{}, nil, []error{errors.New(section + ": missing: must be an object with the keys of " + moesif.Namespace)}
	}
	block = maps.Clone(block)
	proxies := block["trusted_proxies"]
	delete(block, "trusted_proxies")

	cfg, problems := moesif.ParseConfig(block)
	cfg, more := cfg.WithEnvironment(env)
	problems = append(problems, more...)
	for i := range problems {
		problems[i] = here(problems[i])
	}
	if cfg.ShouldSkip != "" {
		problems = append(problems, errShouldSkip)
	}
	trusted, err := prefixes(proxies)
	if err != nil {
		problems = append(problems, err)
	}
	return cfg, trusted, firstOfEachKey(problems)
}

// here puts the plugin's place in front of an error's key.
func here(err error) error {
	if rest, ok := strings.CutPrefix(err.Error(), moesif.Namespace); ok {
		return errors.New(section + rest)
	}
	return err
}

// firstOfEachKey leaves out what follows from another problem: an application id
// that is wrong is missing as well.
func firstOfEachKey(problems []error) []error {
	seen := map[string]bool{}
	return slices.DeleteFunc(problems, func(err error) bool {
		key, _, _ := strings.Cut(err.Error(), ": ")
		again := seen[key]
		seen[key] = true
		return again
	})
}

// prefixes reads trusted_proxies: what router.trusted_proxies says, which the host
// does not tell its plugins. One value may stand for a list of one.
func prefixes(value any) ([]netip.Prefix, error) {
	list, ok := value.([]any)
	if value != nil && !ok {
		list = []any{value}
	}
	var all []netip.Prefix
	for i, item := range list {
		text, _ := item.(string)
		prefix, err := netip.ParsePrefix(text)
		if ip, notIP := netip.ParseAddr(text); notIP == nil {
			prefix, err = netip.PrefixFrom(ip, ip.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s.trusted_proxies[%d]: must be an address or a network, like 10.0.0.0/8 (got %v)", section, i, item)
		}
		all = append(all, prefix)
	}
	return all, nil
}
