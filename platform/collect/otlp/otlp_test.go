package otlp_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/moesif/wire"
	"github.com/gatemeter/gatemeter/platform/collect/otlp"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// attributes reads "key=value" lines; [a b] is an array, a number is a number.
func attributes(lines ...string) (list []*commonpb.KeyValue) {
	for _, line := range lines {
		key, value, _ := strings.Cut(line, "=")
		var n int64
		v := &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}
		if inner, ok := strings.CutPrefix(value, "["); ok {
			var many []*commonpb.AnyValue
			for _, s := range strings.Fields(strings.TrimSuffix(inner, "]")) {
				many = append(many, &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}})
			}
			v.Value = &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: many}}
		} else if _, err := fmt.Sscanf(value, "%d", &n); err == nil && fmt.Sprint(n) == value {
			v.Value = &commonpb.AnyValue_IntValue{IntValue: n}
		}
		list = append(list, &commonpb.KeyValue{Key: key, Value: v})
	}
	return list
}

func span(kind tracepb.Span_SpanKind, lines ...string) *tracepb.Span {
	return &tracepb.Span{
		TraceId: bytes.Repeat([]byte{0xab}, 16), SpanId: bytes.Repeat([]byte{0xcd}, 8), ParentSpanId: bytes.Repeat([]byte{0xef}, 8), Name: "GET /orders/{id}", Kind: kind,
		StartTimeUnixNano: uint64(noon.UnixNano()), EndTimeUnixNano: uint64(noon.Add(120 * time.Millisecond).UnixNano()), Attributes: attributes(lines...),
	}
}

func request(spans ...*tracepb.Span) *collectorpb.ExportTraceServiceRequest {
	return &collectorpb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:   &resourcepb.Resource{Attributes: attributes("service.name=shop", "company_id=from-the-program")},
		ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}},
	}}}
}

// inJSON writes a request as OTLP's JSON.
func inJSON(t testing.TB, r *collectorpb.ExportTraceServiceRequest) []byte {
	t.Helper()
	type object = map[string]any
	value := func(v *commonpb.AnyValue) object {
		if n, ok := v.GetValue().(*commonpb.AnyValue_IntValue); ok {
			return object{"intValue": fmt.Sprint(n.IntValue)}
		}
		return object{"stringValue": v.GetStringValue()}
	}
	list := func(kvs []*commonpb.KeyValue) []object {
		out := []object{}
		for _, kv := range kvs {
			v := value(kv.GetValue())
			if many := kv.GetValue().GetArrayValue(); many != nil {
				values := []object{}
				for _, m := range many.GetValues() {
					values = append(values, value(m))
				}
				v = object{"arrayValue": object{"values": values}}
			}
			out = append(out, object{"key": kv.GetKey(), "value": v})
		}
		return out
	}
	var all []object
	for _, rs := range r.GetResourceSpans() {
		spans := []object{}
		for _, s := range rs.GetScopeSpans()[0].GetSpans() {
			spans = append(spans, object{
				"traceId": fmt.Sprintf("%x", s.GetTraceId()), "spanId": fmt.Sprintf("%x", s.GetSpanId()), "parentSpanId": fmt.Sprintf("%x", s.GetParentSpanId()),
				"name": s.GetName(), "kind": int(s.GetKind()), "startTimeUnixNano": fmt.Sprint(s.GetStartTimeUnixNano()), "endTimeUnixNano": s.GetEndTimeUnixNano(),
				"attributes": list(s.GetAttributes()), "status": object{}, "unknown": []int{1},
			})
		}
		// The resource comes last here: the order of members says nothing.
		all = append(all, object{"scopeSpans": []object{{"spans": spans}}, "zresource": nil, "resource": object{"attributes": list(rs.GetResource().GetAttributes())}})
	}
	b, err := json.Marshal(object{"resourceSpans": all})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// read returns the events of a request, which says the same in both encodings.
func read(t testing.TB, r *collectorpb.ExportTraceServiceRequest) (events []wire.Event, errs []error) {
	t.Helper()
	b, err := proto.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var said [2]string
	for i, f := range []func() error{
		func() error { return otlp.ReadProtobuf(b, collect(&events, &errs)) },
		func() error {
			events, errs = nil, nil
			return otlp.ReadJSON(inJSON(t, r), collect(&events, &errs))
		},
	} {
		if err := f(); err != nil {
			t.Fatal(err)
		}
		said[i] = string(wire.AppendEvents(nil, events)) + fmt.Sprint(errs)
	}
	if said[0] != said[1] {
		t.Errorf("protobuf says\n%s\nJSON says\n%s", said[0], said[1])
	}
	return events, errs
}

func collect(events *[]wire.Event, errs *[]error) otlp.Sink {
	return func(s otlp.Span, err error) error {
		var e wire.Event
		if err == nil {
			e, err = s.Event()
		}
		if err != nil {
			*errs = append(*errs, err)
			return nil
		}
		*events = append(*events, e)
		return nil
	}
}

const server = tracepb.Span_SPAN_KIND_SERVER

func TestSpansOfBothConventionsBecomeTheSameEvent(t *testing.T) {
	newer := span(server, "http.request.method=POST", "url.scheme=https", "server.address=api.test", "server.port=8443", "url.path=/orders/7", "url.query=a=1", "http.route=/orders/{id}",
		"http.response.status_code=201", "client.address=203.0.113.7", "user_agent.original=curl/8", "http.request.header.x-plan=[gold silver]", "http.request.body.size=17",
		"http.response.body.size=42", "http.response.header.content-type=[application/json]", "user.id=ada", "session.id=s1")
	older := span(server, "http.method=POST", "http.scheme=https", "net.host.name=api.test", "net.host.port=8443", "http.target=/orders/7?a=1", "http.route=/orders/{id}",
		"http.status_code=201", "http.client_ip=203.0.113.7", "http.user_agent=curl/8", "http.request.header.x_plan=[gold silver]", "http.request_content_length=17",
		"http.response_content_length=42", "http.response.header.content_type=[application/json]", "enduser.id=ada", "session.id=s1")
	a, errs := read(t, request(newer))
	b, more := read(t, request(older))
	if len(a) != 1 || len(b) != 1 {
		t.Fatal(a, b, errs, more)
	}
	if x, y := string(wire.AppendEvent(nil, &a[0])), string(wire.AppendEvent(nil, &b[0])); x != y {
		t.Errorf("newer\n%s\nolder\n%s", x, y)
	}
	const want = `{"request":{"time":"2026-11-22T12:00:00.000000Z","uri":"https://api.test:8443/orders/7?a=1","verb":"POST","headers":{"User-Agent":"curl/8","X-Plan":"gold, silver"},"ip_address":"203.0.113.7","content_length":17},` +
		`"response":{"time":"2026-11-22T12:00:00.120000Z","status":201,"headers":{"Content-Type":"application/json"},"content_length":42},"user_id":"ada","company_id":"from-the-program","session_token":"s1",` +
		`"transaction_id":"ID","direction":"Incoming","metadata":{"gatemeter":{"route":"/orders/{id}","identity":"claimed"},` +
		`"opentelemetry":{"trace_id":"abababababababababababababababab","span_id":"cdcdcdcdcdcdcdcd","parent_span_id":"efefefefefefefef","name":"GET /orders/{id}","service":"shop"}}}`
	got := string(wire.AppendEvent(nil, &a[0]))
	if got != strings.Replace(want, `"ID"`, `"`+a[0].TransactionID+`"`, 1) || len(a[0].TransactionID) != 36 {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTheAddressIsPutTogetherFromWhatIsKnown(t *testing.T) {
	for want, lines := range map[string][]string{
		"https://a.test/x?y=1":     {"url.full=https://a.test/x?y=1", "url.path=/other"},
		"http://a.test/x":          {"http.host=a.test", "url.path=/x"},
		"http://a.test:8080/":      {"server.address=a.test", "server.port=8080"},
		"http://a.test/z":          {"server.address=a.test", "server.port=80", "http.target=/z"},
		"/x?y":                     {"url.path=/x", "url.query=?y"},
		"http://[2001:db8::1]:81/": {"server.address=2001:db8::1", "server.port=81"},
		"/":                        nil,
	} {
		events, errs := read(t, request(span(server, append(lines, "http.method=GET")...)))
		if len(events) != 1 || events[0].Request.URI != want || events[0].Response != nil {
			t.Errorf("got %+v (%v), want %s and no answer", events, errs, want)
		}
	}
}

func TestOnlySpansOfHTTPServersBecomeEvents(t *testing.T) {
	noID, noTime := span(server, "http.method=GET"), span(server, "http.method=GET")
	noID.SpanId, noTime.StartTimeUnixNano = make([]byte, 8), 0
	large := span(server, "http.method=GET", "x="+strings.Repeat("x", otlp.MaxPart))
	events, errs := read(t, request(
		span(tracepb.Span_SPAN_KIND_CLIENT, "http.request.method=GET"), span(tracepb.Span_SPAN_KIND_INTERNAL), span(server, "rpc.system=grpc"),
		noID, noTime, large, span(server, "http.request.method=_OTHER", "http.request.method_original=BREW")))
	if len(events) != 1 || events[0].Request.Verb != "BREW" || len(errs) != 6 {
		t.Fatalf("events %+v, errors %v", events, errs)
	}
	for i, err := range errs {
		if errors.Is(err, otlp.ErrNotHTTP) != (i < 3) {
			t.Errorf("span %d: %v", i, err)
		}
	}
	for i, want := range map[int]string{3: "trace id must have 16 bytes", 4: "nanoseconds since 1970", 5: "must have at most 262144 bytes"} {
		if !strings.Contains(errs[i].Error(), want) {
			t.Errorf("span %d: %v, want %s", i, errs[i], want)
		}
	}
}

func TestTheSameSpanHasTheSameIDAndAnotherHasAnother(t *testing.T) {
	other := span(server, "http.method=GET")
	other.SpanId[0]++
	events, _ := read(t, request(span(server, "http.method=GET"), span(server, "http.method=GET"), other))
	if events[0].TransactionID != events[1].TransactionID || events[0].TransactionID == events[2].TransactionID {
		t.Errorf("ids %s %s %s", events[0].TransactionID, events[1].TransactionID, events[2].TransactionID)
	}
}

func TestWhatIsNoExportSaysWhereItBreaks(t *testing.T) {
	for body, want := range map[string]string{
		`[]`:                  "resourceSpans: must be an object (got an array)",
		`{"resourceSpans":1}`: "resourceSpans: must be an array",
		`{"resourceSpans":[{"scopeSpans":[{"spans":[{]}]}]}`: "not JSON at byte",
		`{"resourceSpans":[{"resource":7}]}`:                 "resource:",
		`{} {}`:                                              "something follows it",
		``:                                                   "ends too early",
	} {
		err := otlp.ReadJSON([]byte(body), func(otlp.Span, error) error { return nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", body, err, want)
		}
	}
	if err := otlp.ReadProtobuf([]byte("\x0a\xff"), func(otlp.Span, error) error { return nil }); err == nil || !strings.Contains(err.Error(), "not protobuf") {
		t.Errorf("got %v", err)
	}
}

func FuzzRead(f *testing.F) {
	r := request(span(server, "http.method=GET", "http.request.header.a=[b]"))
	b, err := proto.Marshal(r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(inJSON(f, r))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, read := range []func([]byte, otlp.Sink) error{otlp.ReadProtobuf, otlp.ReadJSON} {
			var events []wire.Event
			var errs []error
			if read(body, collect(&events, &errs)) != nil {
				continue
			}
			for i := range events {
				if _, err := wire.DecodeEvent(wire.AppendEvent(nil, &events[i])); err != nil {
					t.Errorf("an event that cannot be read again: %v", err)
				}
			}
		}
	})
}
