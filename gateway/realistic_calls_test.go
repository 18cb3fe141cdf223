package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// scenario is what a .calls file says: what is told of its configuration, and calls
// with what is expected of their answers. The format, line by line:
//
//	# a remark
//	warns endpoints[0].headers_to_pass     the configuration warns of this key
//	lints endpoints[0].backend             check -l alone does not like this key
//	env FC_ENABLE=1                        the configuration is read with this variable
//	GET /users/7?verbose=1                 a call begins; {metrics}/__stats/ asks there, {revoker}/add revokes
//	Authorization: Bearer {token {"sub":"ann"}}
//	< {"name":"Ann"}                       a line of the call's body
//	> 200                                  the status
//	> Vary: Origin                         a header, its values joined by ", "
//	> Cache-Control ~ "max-age"            a part of it
//	> no X-Secret                          no such header
//	> body.user.roles.0: "admin"           a value in a JSON body
//	> no body.user.password                no such value
//	> body: {"a":1}                        the whole body: JSON, or text in quotes
//	> body ~ "some text"                   a part of it, or of a value in it (!~: not there)
//	> body is empty
//
// Calls are made in their order, one after the other. {token CLAIMS} is signed by the
// test's issuer and good for an hour, unless exp says otherwise; {forged CLAIMS} is
// signed by somebody else.
type scenario struct {
	env   map[string]string
	warns []said
	lints []said
	calls []scriptedCall
}

// said is a line of a file.
type said struct {
	place string // file:line
	text  string
}

type scriptedCall struct {
	said             // method and target
	headers []string // Name: value
	body    string
	wants   []said
}

// readScenario reads a .calls file, after fill has put in what only the test knows.
func readScenario(t *testing.T, file string, fill func(string) string) scenario {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := scenario{env: map[string]string{}}
	for i, text := range strings.Split(string(data), "\n") {
		line := said{fmt.Sprintf("%s:%d", file, i+1), fill(strings.TrimSpace(text))}
		kind, rest, _ := strings.Cut(line.text, " ")
		if kind == "" || kind[0] == '#' {
			continue
		}
		switch kind {
		case "warns":
			s.warns = append(s.warns, said{line.place, rest})
			continue
		case "lints":
			s.lints = append(s.lints, said{line.place, rest})
			continue
		case "env":
			name, value, _ := strings.Cut(rest, "=")
			s.env[name] = value
			continue
		}
		if strings.ToUpper(kind) == kind && kind[0] >= 'A' && !strings.HasSuffix(kind, ":") {
			s.calls = append(s.calls, scriptedCall{said: line})
			continue
		}
		if len(s.calls) == 0 {
			t.Fatalf("%s: stands before the first call: %s", line.place, line.text)
		}
		c := &s.calls[len(s.calls)-1]
		switch kind {
		case ">":
			c.wants = append(c.wants, said{line.place, rest})
		case "<":
			c.body += rest
		default:
			c.headers = append(c.headers, line.text)
		}
	}
	for _, c := range s.calls {
		if len(c.wants) == 0 {
			t.Errorf("%s: expects nothing of %s", c.place, c.text)
		}
	}
	return s
}

// differs says what of an answer is not as a line wants it; "" when all is.
func differs(want string, got reply) string {
	if status, err := strconv.Atoi(want); err == nil {
		if got.StatusCode != status {
			return fmt.Sprintf("%d, with %q", got.StatusCode, got.Text)
		}
		return ""
	}
	if want == "body is empty" {
		if got.Text != "" {
			return strconv.Quote(got.Text)
		}
		return ""
	}
	if name, ok := strings.CutPrefix(want, "no "); ok {
		if path, ok := strings.CutPrefix(name, "body."); ok {
			if v, there := valueAt(got.Text, path); there {
				return fmt.Sprint(v)
			}
		} else if v := got.Header.Values(name); len(v) > 0 {
			return fmt.Sprint(v)
		}
		return ""
	}
	if name, part, ok := strings.Cut(want, " !~ "); ok {
		return holds(name, part, got, false)
	}
	if name, part, ok := strings.Cut(want, " ~ "); ok {
		return holds(name, part, got, true)
	}
	name, value, ok := strings.Cut(want, ":")
	value = strings.TrimSpace(value)
	if !ok {
		return "a line that means nothing"
	}
	if name == "body" || strings.HasPrefix(name, "body.") {
		return differsFrom(strings.TrimPrefix(name[len("body"):], "."), value, got)
	}
	if is := textOf(name, got); is != value || got.Header[name] == nil && value == "" {
		return strconv.Quote(is)
	}
	return ""
}

// holds compares a part of the body or of a header.
func holds(name, quoted string, got reply, want bool) string {
	part, err := strconv.Unquote(quoted)
	if err != nil {
		return "a part that is not in quotes"
	}
	if text := textOf(name, got); strings.Contains(text, part) != want {
		return strconv.Quote(text)
	}
	return ""
}

func textOf(name string, got reply) string {
	if name == "body" {
		return got.Text
	}
	if path, ok := strings.CutPrefix(name, "body."); ok {
		text, _ := valueAt(got.Text, path)
		return fmt.Sprint(text)
	}
	return strings.Join(got.Header.Values(name), ", ")
}

// differsFrom compares what stands in the body at path, "" for the whole of it.
func differsFrom(path, value string, got reply) string {
	var want any
	if err := json.Unmarshal([]byte(value), &want); err != nil {
		return "an expectation that is not JSON: " + err.Error()
	}
	if path == "" && reflect.DeepEqual(want, got.Text) {
		return ""
	}
	is, there := valueAt(got.Text, path)
	if !there {
		return "nothing there in " + strconv.Quote(got.Text)
	}
	if !reflect.DeepEqual(is, want) {
		text, _ := json.Marshal(is)
		return string(text)
	}
	return ""
}

// valueAt finds a value in a JSON text: keys and indices, between dots.
func valueAt(text, path string) (any, bool) {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return nil, false
	}
	for step := range strings.SplitSeq(path, ".") {
		if step == "" {
			break
		}
		if list, ok := v.([]any); ok {
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(list) {
				return nil, false
			}
			v = list[i]
			continue
		}
		object, _ := v.(map[string]any)
		var there bool
		if v, there = object[step]; !there {
			return nil, false
		}
	}
	return v, true
}

// A reader that finds everything as it should be would prove nothing.
func TestExpectationsCanFail(t *testing.T) {
	got := reply{&http.Response{StatusCode: 200, Header: http.Header{"Vary": {"Origin", "Accept"}, "X-Empty": {""}}}, `{"a":{"b":[1,"x"]}}`}
	for want, ok := range map[string]bool{
		"200": true, "201": false,
		"Vary: Origin, Accept": true, "Vary: Origin": false, "X-Empty:": true, "X-None:": false,
		`Vary ~ "gin"`: true, `Vary ~ "gim"`: false, `Vary !~ "gin"`: false, "no X-None": true, "no Vary": false,
		`body.a.b.1: "x"`: true, `body.a.b.1: "y"`: false, "body.a.b.2: 1": false, "body.a.b.0: 1": true,
		"no body.a.c": true, "no body.a.b": false, `body: {"a":{"b":[1,"x"]}}`: true, `body: {"a":1}`: false,
		`body ~ "b"`: true, `body ~ "c"`: false, `body.a.b.1 ~ "x"`: true, `body.a.b.1 ~ "b"`: false, `body !~ "c"`: true, "body is empty": false, "nonsense": false, `body: x`: false,
	} {
		if differs(want, got) == "" != ok {
			t.Errorf("%s: holds %v, want %v", want, !ok, ok)
		}
	}
}
