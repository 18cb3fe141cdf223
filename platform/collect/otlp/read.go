// Package otlp reads traces as OpenTelemetry exports them (OTLP 1.x over HTTP, in
// protobuf or JSON), a span at a time, and makes events of those of HTTP servers.
package otlp

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/gatemeter/gatemeter/moesif/scan"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// MaxPart bounds one span, and one resource, in bytes: what is empty on the wire
// takes fifty times its size in memory.
const MaxPart = 256 << 10

var errTooLarge = fmt.Errorf("must have at most %d bytes", MaxPart)

// Attributes are values as text by key; an array has several.
type Attributes map[string][]string

// first returns the first of the keys' values that is not empty.
func (a Attributes) first(keys ...string) string {
	for _, key := range keys {
		if v := a[key]; len(v) > 0 && v[0] != "" {
			return v[0]
		}
	}
	return ""
}

// Span is one operation of a program.
type Span struct {
	TraceID, ID, ParentID []byte
	Name                  string
	Server                bool   // its kind
	Start, End            uint64 // nanoseconds since 1970
	Attributes            Attributes
	Resource              Attributes // of the program; shared between spans
}

// Sink takes the spans of one request, in order; err says why one cannot be read.
// An error of the sink ends the reading.
type Sink func(s Span, err error) error

// ReadProtobuf reads an ExportTraceServiceRequest in protobuf.
func ReadProtobuf(body []byte, sink Sink) error {
	return fields(body, "request", func(n protowire.Number, resourceSpans []byte) error {
		if n != 1 {
			return nil
		}
		var resource Attributes
		err := fields(resourceSpans, "resource_spans", func(n protowire.Number, b []byte) error {
			if n != 1 {
				return nil
			}
			var r resourcepb.Resource
			if err := unmarshal(b, &r); err != nil {
				return fmt.Errorf("resource: %w", err)
			}
			resource = attributes(r.GetAttributes())
			return nil
		})
		if err != nil {
			return err
		}
		return fields(resourceSpans, "resource_spans", func(n protowire.Number, scopeSpans []byte) error {
			if n != 2 {
				return nil
			}
			return fields(scopeSpans, "scope_spans", func(n protowire.Number, span []byte) error {
				if n != 2 {
					return nil
				}
				var s tracepb.Span
				if err := unmarshal(span, &s); err != nil {
					return sink(Span{}, fmt.Errorf("span: %w", err))
				}
				return sink(Span{
					TraceID: s.GetTraceId(), ID: s.GetSpanId(), ParentID: s.GetParentSpanId(), Name: s.GetName(),
					Server: s.GetKind() == tracepb.Span_SPAN_KIND_SERVER, Start: s.GetStartTimeUnixNano(), End: s.GetEndTimeUnixNano(),
					Attributes: attributes(s.GetAttributes()), Resource: resource,
				}, nil)
			})
		})
	})
}

func unmarshal(b []byte, m proto.Message) error {
	if len(b) > MaxPart {
		return errTooLarge
	}
	return proto.Unmarshal(b, m)
}

// fields calls f with the message's fields that have a length.
func fields(b []byte, name string, f func(n protowire.Number, value []byte) error) error {
	for len(b) > 0 {
		n, kind, used := protowire.ConsumeTag(b)
		if used < 0 {
			return fmt.Errorf("%s: not protobuf: %w", name, protowire.ParseError(used))
		}
		b = b[used:]
		if kind != protowire.BytesType {
			if used = protowire.ConsumeFieldValue(n, kind, b); used < 0 {
				return fmt.Errorf("%s: not protobuf: %w", name, protowire.ParseError(used))
			}
			b = b[used:]
			continue
		}
		value, used := protowire.ConsumeBytes(b)
		if used < 0 {
			return fmt.Errorf("%s: not protobuf: %w", name, protowire.ParseError(used))
		}
		b = b[used:]
		if err := f(n, value); err != nil {
			return err
		}
	}
	return nil
}

func attributes(list []*commonpb.KeyValue) Attributes {
	a := make(Attributes, len(list))
	for _, kv := range list {
		if many := kv.GetValue().GetArrayValue(); many != nil {
			for _, v := range many.GetValues() {
				a[kv.GetKey()] = append(a[kv.GetKey()], text(v))
			}
			continue
		}
		a[kv.GetKey()] = []string{text(kv.GetValue())}
	}
	return a
}

// text is a scalar as text; anything else is "".
func text(v *commonpb.AnyValue) string {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_IntValue:
		return strconv.FormatInt(v.IntValue, 10)
	case *commonpb.AnyValue_DoubleValue:
		return strconv.FormatFloat(v.DoubleValue, 'g', -1, 64)
	case *commonpb.AnyValue_BoolValue:
		return strconv.FormatBool(v.BoolValue)
	}
	return ""
}

// ReadJSON reads an ExportTraceServiceRequest in OTLP's JSON: ids in hexadecimal,
// 64-bit numbers as strings or numbers, enumerations as numbers.
func ReadJSON(body []byte, sink Sink) error {
	return eachOf(body, "resourceSpans", func(resourceSpans []byte) error {
		var resource Attributes
		err := members(resourceSpans, "resourceSpans", func(key string, value []byte) error {
			if key != "resource" {
				return nil
			}
			var r struct{ Attributes []jsonAttribute }
			if err := decode(value, &r); err != nil {
				return fmt.Errorf("resource: %w", err)
			}
			resource = jsonAttributes(r.Attributes)
			return nil
		})
		if err != nil {
			return err
		}
		return eachOf(resourceSpans, "scopeSpans", func(scopeSpans []byte) error {
			return eachOf(scopeSpans, "spans", func(span []byte) error {
				s, err := jsonSpanOf(span)
				s.Resource = resource
				return sink(s, err)
			})
		})
	})
}

func decode(b []byte, into any) error {
	if len(b) > MaxPart {
		return errTooLarge
	}
	err := json.Unmarshal(b, into)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("%s: of the wrong type (got %s)", cmp.Or(wrong.Field, "all of it"), wrong.Value)
	}
	return err
}

type jsonSpan struct {
	TraceID           hexBytes        `json:"traceId"`
	SpanID            hexBytes        `json:"spanId"`
	ParentSpanID      hexBytes        `json:"parentSpanId"`
	Name              string          `json:"name"`
	Kind              json.RawMessage `json:"kind"`
	StartTimeUnixNano nanos           `json:"startTimeUnixNano"`
	EndTimeUnixNano   nanos           `json:"endTimeUnixNano"`
	Attributes        []jsonAttribute `json:"attributes"`
}

func jsonSpanOf(b []byte) (Span, error) {
	var s jsonSpan
	if err := decode(b, &s); err != nil {
		return Span{}, fmt.Errorf("span: %w", err)
	}
	kind := string(s.Kind)
	return Span{
		TraceID: s.TraceID, ID: s.SpanID, ParentID: s.ParentSpanID, Name: s.Name, Server: kind == "2" || kind == `"SPAN_KIND_SERVER"`,
		Start: uint64(s.StartTimeUnixNano), End: uint64(s.EndTimeUnixNano), Attributes: jsonAttributes(s.Attributes),
	}, nil
}

type jsonAttribute struct {
	Key   string
	Value jsonValue
}

type jsonValue struct {
	StringValue *string
	IntValue    json.RawMessage
	DoubleValue json.RawMessage
	BoolValue   json.RawMessage
	ArrayValue  struct{ Values []jsonValue }
}

func (v jsonValue) text() string {
	if v.StringValue != nil {
		return *v.StringValue
	}
	for _, raw := range []json.RawMessage{v.IntValue, v.DoubleValue, v.BoolValue} {
		if len(raw) > 0 {
			return strings.Trim(string(raw), `"`)
		}
	}
	return ""
}

func jsonAttributes(list []jsonAttribute) Attributes {
	a := make(Attributes, len(list))
	for _, kv := range list {
		if len(kv.Value.ArrayValue.Values) == 0 {
			a[kv.Key] = []string{kv.Value.text()}
		}
		for _, v := range kv.Value.ArrayValue.Values {
			a[kv.Key] = append(a[kv.Key], v.text())
		}
	}
	return a
}

// hexBytes are written in hexadecimal; base64 comes from exporters that use
// protobuf's own mapping to JSON.
type hexBytes []byte

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	if len(b) == 16 || len(b) == 32 || len(b) == 0 {
		*h, err = hex.DecodeString(string(b))
		return err
	}
	*h, err = base64.StdEncoding.DecodeString(string(b))
	return err
}

type nanos uint64

// UnmarshalJSON reads a number, or a number in a string.
func (n *nanos) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseUint(strings.Trim(string(b), `"`), 10, 64)
	*n = nanos(v)
	return err
}

// eachOf calls f with the elements of the array that the object b has under name.
func eachOf(b []byte, name string, f func(element []byte) error) error {
	return members(b, name, func(key string, value []byte) error {
		if key != name {
			return nil
		}
		s := scan.New(value)
		if t, err := s.Next(); err != nil || t.Kind != scan.BeginArray {
			return errors.Join(fmt.Errorf("%s: must be an array", name), err)
		}
		for {
			t, err := s.Skip()
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if t.Kind == scan.EndArray {
				return nil
			}
			if err := f(s.Bytes(t)); err != nil {
				return err
			}
		}
	})
}

// members calls f with the members of the object b; name is for errors.
func members(b []byte, name string, f func(key string, value []byte) error) error {
	s := scan.New(b)
	t, err := s.Next()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if t.Kind != scan.BeginObject {
		return fmt.Errorf("%s: must be an object (got %s)", name, t.Kind)
	}
	for {
		t, err := s.Next()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if t.Kind == scan.EndObject {
			break
		}
		key := string(scan.AppendText(nil, s.Bytes(t)))
		value, err := s.Skip()
		if err != nil {
			return fmt.Errorf("%s.%.40s: %w", name, key, err)
		}
		if err := f(key, s.Bytes(value)); err != nil {
			return err
		}
	}
	if _, err := s.Next(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: something follows it", name)
	}
	return nil
}
