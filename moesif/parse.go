package moesif

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
)

// Namespace is where the block stands in a service's extra_config.
const Namespace = "telemetry/moesif"

// defaults is the Config of a block that sets nothing.
func defaults() Config {
	return Config{
		UserIDJWTClaim:      "sub",
		BatchSize:           200,
		TimerWakeUp:         2 * time.Second,
		EventQueueSize:      1_000_000,
		LogBody:             true,
		DefaultMasks:        true,
		CollectorURL:        wire.DefaultCollectorURL,
		RequestMaxBodySize:  100_000,
		ResponseMaxBodySize: 100_000,
		DrainTimeout:        10 * time.Second,
		SpoolMaxBytes:       1 << 30,
	}
}

// setting is one key of the block: how its value enters a Config. Its error says
// what was expected, without the key.
type setting struct {
	set      func(c *Config, value any) error
	variable bool // may also be given as GATEMETER_<KEY>
}

// settings are the keys of the block (KrakenD v3, 0.1), and those that KrakenD
// does not know.
var settings = map[string]setting{
	"application_id":        {setApplicationID, true},
	"user_id_headers":       {setUserIDHeaders, false},
	"user_id_jwt_claim":     {text(func(c *Config) *string { return &c.UserIDJWTClaim }), false},
	"identify_company":      {setIdentifyCompany, false},
	"batch_size":            {whole(func(c *Config) *int { return &c.BatchSize }, 1, math.MaxInt32), false},
	"timer_wake_up_seconds": {setTimerWakeUp, false},
	"event_queue_size":      {whole(func(c *Config) *int { return &c.EventQueueSize }, 1, math.MaxInt32), false},
	"log_body":              {flag(func(c *Config) *bool { return &c.LogBody }), false},
	"request_header_masks":  {headerNames(func(c *Config) *[]string { return &c.RequestHeaderMasks }), false},
	"response_header_masks": {headerNames(func(c *Config) *[]string { return &c.ResponseHeaderMasks }), false},
	"request_body_masks":    {fieldNames(func(c *Config) *[]string { return &c.RequestBodyMasks }), false},
	"response_body_masks":   {fieldNames(func(c *Config) *[]string { return &c.ResponseBodyMasks }), false},
	"should_skip":           {setShouldSkip, false},
	"metadata":              {setMetadata, false},
	"debug":                 {flag(func(c *Config) *bool { return &c.Debug }), false},

	"collector_url":          {setCollectorURL, true},
	"event_queue_bytes":      {whole(func(c *Config) *int64 { return &c.EventQueueBytes }, 0, math.MaxInt64), true},
	"request_max_body_size":  {whole(func(c *Config) *int { return &c.RequestMaxBodySize }, 0, maxBody), true},
	"response_max_body_size": {whole(func(c *Config) *int { return &c.ResponseMaxBodySize }, 0, maxBody), true},
	"drain_timeout":          {setDrainTimeout, true},
	"default_masks":          {flag(func(c *Config) *bool { return &c.DefaultMasks }), true},
	"spool_dir":              {place(func(c *Config) *string { return &c.SpoolDir }), true},
	"spool_max_bytes":        {whole(func(c *Config) *int64 { return &c.SpoolMaxBytes }, leastSpool, math.MaxInt64), true},
	"rules_cache":            {place(func(c *Config) *string { return &c.RulesCache }), true},
	"block_listed_ips":       {flag(func(c *Config) *bool { return &c.BlockListedIPs }), true},
}

// maxBody bounds, in decoded bytes, what may be captured of one body: a whole
// batch on the wire is at most 50 MB (Moesif wire, 1.3).
const maxBody = 50_000_000

// leastSpool is the smallest spool, in bytes: room for a few blocks.
const leastSpool = 1 << 20

// ParseConfig reads a telemetry/moesif block: strict about keys and values, and
// weakly typed like KrakenD's parser ("200" for 200, a scalar for a list; KrakenD
// v3, 1.1). Keys that start with @, $, _ or # are comments. Numbers may be
// json.Number, float64, int or int64.
//
// There is one error for each thing that is wrong, each with the path of its key.
// A missing application_id is none yet: it may come with WithEnvironment, and New
// refuses a Config without one.
func ParseConfig(block map[string]any) (Config, []error) {
	c := defaults()
	var problems []error
	problem := func(key string, err error) {
		var inner *below
		if errors.As(err, &inner) {
			key, err = key+inner.path, inner.err
		}
		problems = append(problems, fmt.Errorf("%s.%s: %w", Namespace, key, err))
	}
	given := make(map[string]string)
	for _, key := range slices.Sorted(maps.Keys(block)) {
		if isComment(key) || block[key] == nil {
			continue
		}
		name := strings.ToLower(key)
		s, known := settings[name]
		if !known {
			problem(key, errors.New("unknown key: remove it, or start it with @ to keep it as a comment"))
			continue
		}
		if first, twice := given[name]; twice {
			problem(key, fmt.Errorf("given twice: remove this or %s", first))
			continue
		}
		given[name] = key
		if err := s.set(&c, block[key]); err != nil {
			problem(key, err)
		}
	}
	if _, ok := given["user_id_headers"]; !ok {
		problem("user_id_headers", errors.New(`missing: name the headers that can identify the user, like ["Authorization"]`))
	}
	return c, problems
}

// WithEnvironment returns c with the settings of the environment, which win over
// those of the file: GATEMETER_APPLICATION_ID, GATEMETER_COLLECTOR_URL and the
// other variables of the integration. An empty variable counts as not set. The
// errors name the variable; a missing application id is one of them.
func (c Config) WithEnvironment(lookup func(string) (string, bool)) (Config, []error) {
	var problems []error
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		if !settings[key].variable {
			continue
		}
		variable := "GATEMETER_" + strings.ToUpper(key)
		value, _ := lookup(variable)
		if value == "" {
			continue
		}
		if err := settings[key].set(&c, value); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", variable, err))
		}
	}
	if c.ApplicationID == "" && len(problems) == 0 {
		problems = append(problems, errNoApplicationID)
	}
	return c, problems
}

var errNoApplicationID = fmt.Errorf("%s.application_id: missing: set it, or the variable GATEMETER_APPLICATION_ID", Namespace)

func isComment(key string) bool {
	return key == "" || strings.ContainsRune("@$_#", rune(key[0]))
}

func setApplicationID(c *Config, value any) error {
	id, err := asString(value)
	if err != nil {
		return err
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return errors.New("must be printable without spaces: it travels in a header")
		}
	}
	if id == "" {
		return errEmpty
	}
	c.ApplicationID = id
	return nil
}

func setUserIDHeaders(c *Config, value any) error {
	names, err := asHeaderNames(value)
	if err != nil {
		return err
	}
	for i := range names {
		names[i] = http.CanonicalHeaderKey(names[i])
	}
	c.UserIDHeaders = names
	return nil
}

func setIdentifyCompany(c *Config, value any) error {
	object, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("must be an object with one of header, jwt_claim, query_string (got %s)", show(value))
	}
	var company IdentifyCompany
	var set []string
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if isComment(key) || object[key] == nil {
			continue
		}
		var field *string
		name := strings.ToLower(key)
		switch name {
		case "header":
			field = &company.Header
		case "jwt_claim":
			field = &company.JWTClaim
		case "query_string":
			field = &company.QueryString
		default:
			return &below{"." + key, errors.New("unknown key: use one of header, jwt_claim, query_string")}
		}
		text, err := asString(object[key])
		if err != nil {
			return &below{"." + key, err}
		}
		if text == "" {
			return &below{"." + key, errEmpty}
		}
		*field = text
		set = append(set, name)
	}
	if len(set) > 1 {
		return fmt.Errorf("set only one of header, jwt_claim, query_string (got %s)", strings.Join(set, " and "))
	}
	if company.Header != "" {
		if !isToken(company.Header) {
			return &below{".header", errHeaderName(company.Header)}
		}
		company.Header = http.CanonicalHeaderKey(company.Header)
	}
	c.IdentifyCompany = company
	return nil
}

func setTimerWakeUp(c *Config, value any) error {
	seconds, err := asWhole(value)
	if err != nil || seconds < 1 || seconds > 86400 {
		return fmt.Errorf("must be a whole number of seconds from 1 to 86400 (got %s)", show(value))
	}
	c.TimerWakeUp = time.Duration(seconds) * time.Second
	return nil
}

func setShouldSkip(c *Config, value any) error {
	// KrakenD's documentation gives [] as the default of this string.
	if list, ok := value.([]any); ok && len(list) == 0 {
		return nil
	}
	expression, err := asString(value)
	if err != nil {
		return err
	}
	c.ShouldSkip = strings.TrimSpace(expression)
	return nil
}

func setMetadata(c *Config, value any) error {
	object, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("must be an object (got %s)", show(value))
	}
	text, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("cannot be written as JSON: %w", err)
	}
	c.Metadata = text
	return nil
}

func setCollectorURL(c *Config, value any) error {
	text, err := asString(value)
	if err != nil {
		return err
	}
	if strings.Contains(text, "@") {
		return errors.New("must be an http or https URL without user and password") // which are not shown
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("must be an http or https URL of a host, like https://api.moesif.net (got %s)", show(value))
	}
	c.CollectorURL = strings.TrimRight(text, "/")
	return nil
}

func setDrainTimeout(c *Config, value any) error {
	text, ok := value.(string)
	d, err := time.ParseDuration(text)
	if !ok || err != nil || d < 0 {
		return fmt.Errorf(`must be a duration of at least 0s, like "10s" (got %s)`, show(value))
	}
	c.DrainTimeout = d
	return nil
}
