package telemetry

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gatemeter/gatemeter/gateway/config"
)

// accessFormat appends the line of one request, without its end. The request's
// query is in it only where a pattern asks for it: it may hold keys.
type accessFormat func(line []byte, r *http.Request, l *Line) []byte

// newAccessFormat gives nil for the format of the rest of the log.
func newAccessFormat(a config.AccessLog) accessFormat {
	switch a.Format {
	case "httpdCommon":
		return pattern(httpdCommon).append
	case "httpdCombined":
		return pattern(httpdCombined).append
	case "json":
		return appendAccessJSON
	case "custom":
		return pattern(a.Custom).append
	}
	return nil
}

// Apache's: %h %l %u %t "%r" %>s %b, and "%{Referer}i" "%{User-Agent}i" behind it.
var (
	httpdCommon = []config.LogPart{
		{Verb: "h"}, {Text: " "}, {Verb: "l"}, {Text: " "}, {Verb: "u"}, {Text: " "}, {Verb: "t"},
		{Text: ` "`}, {Verb: "r"}, {Text: `" `}, {Verb: "s"}, {Text: " "}, {Verb: "b"},
	}
	httpdCombined = append(httpdCommon[:len(httpdCommon):len(httpdCommon)],
		config.LogPart{Text: ` "`}, config.LogPart{Verb: "i", Layout: "Referer"},
		config.LogPart{Text: `" "`}, config.LogPart{Verb: "i", Layout: "User-Agent"}, config.LogPart{Text: `"`})
)

type pattern []config.LogPart

func (p pattern) append(line []byte, r *http.Request, l *Line) []byte {
	for _, part := range p {
		switch part.Verb {
		case "":
			line = append(line, part.Text...)
		case "h":
			line = append(line, cmp.Or(l.Client, r.URL.Host)...)
		case "l", "u":
			line = append(line, '-')
		case "t":
			line = l.began().AppendFormat(line, "[02/Jan/2006:15:04:05 -0700]")
		case "r":
			line = appendEscaped(line, r.Method+" "+l.Backend+r.URL.EscapedPath()+" "+r.Proto)
		case "s":
			if l.Status == 0 {
				line = append(line, '-')
				continue
			}
			line = strconv.AppendInt(line, int64(l.Status), 10)
		case "b":
			if l.Bytes == 0 {
				line = append(line, '-')
				continue
			}
			line = strconv.AppendInt(line, l.Bytes, 10)
		case "B":
			line = strconv.AppendInt(line, l.Bytes, 10)
		case "D":
			line = strconv.AppendInt(line, l.Duration.Microseconds(), 10)
		case "T":
			line = strconv.AppendInt(line, int64(l.Duration/time.Second), 10)
		case "m":
			line = appendEscaped(line, r.Method)
		case "U":
			line = appendEscaped(line, r.URL.EscapedPath())
		case "q":
			if r.URL.RawQuery != "" {
				line = appendEscaped(line, "?"+r.URL.RawQuery)
			}
		case "H":
			line = append(line, r.Proto...)
		case "v":
			line = appendEscaped(line, cmp.Or(r.Host, r.URL.Host))
		case "i":
			line = appendEscaped(line, orDash(r.Header.Get(part.Layout)))
		}
	}
	return line
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// longestField bounds, in bytes, what a client sends into one field of a line.
const longestField = 2 << 10

func cut(text string) string { return text[:min(len(text), longestField)] }

// appendEscaped writes what a client sent so that it can't end a line or a quoted
// text.
func appendEscaped(line []byte, text string) []byte {
	const hex = "0123456789abcdef"
	text = cut(text)
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			line = append(line, '\\', c)
		case c < ' ' || c >= 0x7f:
			line = append(line, '\\', 'x', hex[c>>4], hex[c&15])
		default:
			line = append(line, c)
		}
	}
	return line
}

func appendAccessJSON(line []byte, r *http.Request, l *Line) []byte {
	text, err := json.Marshal(struct {
		Time       time.Time `json:"time"`
		Client     string    `json:"client,omitempty"`
		Backend    string    `json:"backend,omitempty"`
		Method     string    `json:"method"`
		Host       string    `json:"host"`
		Path       string    `json:"path"`
		Protocol   string    `json:"protocol"`
		Status     int       `json:"status"`
		Bytes      int64     `json:"bytes"`
		DurationMS float64   `json:"duration_ms"`
		Failed     string    `json:"failed,omitempty"`
		Referer    string    `json:"referer,omitempty"`
		UserAgent  string    `json:"user_agent,omitempty"`
	}{
		l.began().UTC(), l.Client, l.Backend, cut(r.Method), cut(cmp.Or(r.Host, r.URL.Host)), cut(l.Path), r.Proto, l.Status, l.Bytes,
		float64(l.Duration.Microseconds()) / 1000, l.Failed, cut(r.Referer()), cut(r.UserAgent()),
	})
	if err != nil { // there is nothing in it that can't be written
		return line
	}
	return append(line, text...)
}
