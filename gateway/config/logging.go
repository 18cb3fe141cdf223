package config

import (
	"net/textproto"
	"regexp"
	"slices"
	"strings"
)

// Logging is extra_config."telemetry/logging" (KrakenD v3, 5).
type Logging struct {
	Level          string // DEBUG, INFO, WARNING, ERROR, CRITICAL
	Prefix         string
	Stdout         bool
	Syslog         bool
	SyslogFacility string    // default local3
	Format         string    // default, logstash, custom
	Custom         []LogPart // of format custom
	Access         AccessLog
	Calls          *AccessLog // of calls to backends; nil: they are not logged
	Set            bool       // the block is there
}

// LogPart is a piece of a pattern: text, or a verb that stands for something of
// the line.
type LogPart struct {
	Text   string
	Verb   string
	Layout string // of the verb; "" is its default
}

// AccessLog is how the access log is written.
type AccessLog struct {
	Format string    // "": as the rest of the log; httpdCommon, httpdCombined, json, custom
	Custom []LogPart // of format custom, with Apache's letters as verbs
}

var (
	logLevels   = []string{"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}
	logFormats  = []string{"default", "logstash", "custom"}
	accessLogs  = []string{"default", "httpdCommon", "httpdCombined", "json", "custom"}
	facilities  = []string{"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}
	logVerbs    = []string{"time", "level", "message", "module", "pid", "program", "color"}
	secretNames = []string{"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Api-Key"}
)

// logging reads telemetry/logging. Without it, and without a level in it,
// everything from INFO up is logged.
func (b *block) logging() Logging {
	if b == nil {
		return Logging{Level: "INFO", Stdout: true, Format: "default", SyslogFacility: "local3"}
	}
	l := Logging{
		Level:          strings.ToUpper(b.text("level")),
		Prefix:         b.text("prefix"),
		Stdout:         b.flag("stdout"),
		Syslog:         b.flag("syslog"),
		SyslogFacility: b.oneOf("syslog_facility", "local3", facilities),
		Format:         b.oneOf("format", "default", logFormats),
		Access:         b.accessLog(""),
		Calls:          b.callLog(),
		Set:            true,
	}
	switch {
	case l.Level == "":
		b.warn(b.at("level"), "missing, INFO is taken (one of %s)", strings.Join(logLevels, ", "))
		l.Level = "INFO"
	case !slices.Contains(logLevels, l.Level):
		b.problem(b.at("level"), "must be one of %s (got %s)%s", strings.Join(logLevels, ", "), show(b.text("level")), didYouMean(l.Level, logLevels))
	}
	pattern := b.text("custom_format")
	switch {
	case l.Format == "custom" && pattern == "":
		b.problem(b.at("custom_format"), "missing: format custom needs a pattern such as %%{time:15:04:05} %%{level} %%{message}")
	case l.Format == "custom":
		l.Custom = b.logPattern(pattern)
	}
	b.ignore("alphanumeric")
	return l
}

// oneOf reads a text that is one of known, in any case.
func (b *block) oneOf(key, absent string, known []string) string {
	written := b.text(key)
	if written == "" {
		return absent
	}
	for _, k := range known {
		if strings.EqualFold(k, written) {
			return k
		}
	}
	b.problem(b.at(key), "must be one of %s (got %s)%s", strings.Join(known, ", "), show(written), didYouMean(written, known))
	return absent
}

var verb = regexp.MustCompile(`%\{([a-z]+)(?::(.*?[^\\]))?\}`)

// logPattern reads custom_format: text with verbs like %{level} or %{level:.4s}.
func (b *block) logPattern(pattern string) []LogPart {
	var parts []LogPart
	at := 0
	for _, m := range verb.FindAllStringSubmatchIndex(pattern, -1) {
		if m[0] > at {
			parts = append(parts, LogPart{Text: pattern[at:m[0]]})
		}
		at = m[1]
		p := LogPart{Verb: pattern[m[2]:m[3]]}
		if m[4] >= 0 {
			p.Layout = pattern[m[4]:m[5]]
		}
		switch {
		case !slices.Contains(logVerbs, p.Verb):
			b.problem(b.at("custom_format"), "%%{%s} is not supported: use %%{%s}", p.Verb, strings.Join(logVerbs, "}, %{"))
		case p.Layout != "" && p.Verb != "time" && p.Verb != "color" && !width.MatchString(p.Layout):
			b.problem(b.at("custom_format"), "%%{%s:%s}: a layout is a width such as .4s or -8s", p.Verb, p.Layout)
		}
		parts = append(parts, p)
	}
	if at < len(pattern) {
		parts = append(parts, LogPart{Text: pattern[at:]})
	}
	return parts
}

// width is what a layout may be, so that it can't format anything but text.
var width = regexp.MustCompile(`^-?[0-9]{0,2}(\.[0-9]{1,2})?s$`)

// callLog reads how calls to backends are logged; nil when they are not. The key of
// a custom format is gatemeter's own.
func (b *block) callLog() *AccessLog {
	const prefix = "backend_"
	if !b.has(prefix + "access_log_format") {
		b.ignore(prefix+"access_log_format", prefix+"access_log_custom_format")
		return nil
	}
	a := b.accessLog(prefix)
	if slices.ContainsFunc(a.Custom, func(p LogPart) bool { return p.Verb == "q" }) {
		b.problem(b.at(prefix+"access_log_custom_format"), "%%q is not supported: queries of backends can hold keys of the gateway")
	}
	return &a
}

// accessLog reads how the access log is written, whose keys begin with prefix.
func (b *block) accessLog(prefix string) AccessLog {
	names := append(slices.Clone(accessLogs), "httpdCombine") // both spellings are documented
	key := prefix + "access_log_custom_format"
	a := AccessLog{Format: b.oneOf(prefix+"access_log_format", "", names)}
	pattern := b.text(key)
	switch a.Format {
	case "default":
		a.Format = ""
	case "httpdCombine":
		a.Format = "httpdCombined"
	case "custom":
		if pattern == "" {
			b.problem(b.at(key), `missing: %saccess_log_format custom needs a pattern such as %%h %%t "%%r" %%>s %%b`, prefix)
			return a
		}
		a.Custom = b.accessPattern(key, pattern)
	}
	return a
}

var accessVerb = regexp.MustCompile(`%(?:>?s|\{[^}]*\}i|[a-zA-Z%])`)

// accessVerbs are Apache's: h client, l and u -, t time, r request line, s status, b
// and B bytes, D microseconds, T seconds, m method, U path, q query, H protocol, v
// host, and i a header.
const accessVerbs = "hlutrsbBDTmUqHv"

func (b *block) accessPattern(key, pattern string) []LogPart {
	var parts []LogPart
	at := 0
	for _, m := range accessVerb.FindAllStringIndex(pattern, -1) {
		if m[0] > at {
			parts = append(parts, LogPart{Text: pattern[at:m[0]]})
		}
		at = m[1]
		found := pattern[m[0]:m[1]]
		switch name, isHeader := strings.CutSuffix(strings.TrimPrefix(found, "%{"), "}i"); {
		case found == "%%":
			parts = append(parts, LogPart{Text: "%"})
		case isHeader:
			name = textproto.CanonicalMIMEHeaderKey(name)
			if slices.Contains(secretNames, name) {
				b.problem(b.at(key), "%s holds secrets, which do not belong into a log", name)
			}
			parts = append(parts, LogPart{Verb: "i", Layout: name})
		case found == "%>s":
			parts = append(parts, LogPart{Verb: "s"})
		case !strings.Contains(accessVerbs, found[1:]):
			b.problem(b.at(key), "%s is not supported: use %%h %%l %%u %%t %%r %%>s %%b %%B %%D %%T %%m %%U %%q %%H %%v or %%{Header}i", found)
		default:
			parts = append(parts, LogPart{Verb: found[1:]})
		}
	}
	if at < len(pattern) {
		parts = append(parts, LogPart{Text: pattern[at:]})
	}
	return parts
}
