package collect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/gatemeter/gatemeter/platform/collect/otlp"
)

// TestOpenTelemetrysExporterReportsCalls lets the real exporter send.
func TestOpenTelemetrysExporterReportsCalls(t *testing.T) {
	f := setUp(t)
	s := httptest.NewServer(f.collector)
	defer s.Close()
	exporter, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(s.URL+"/v1/traces"),
		otlptracehttp.WithCompression(otlptracehttp.GzipCompression), otlptracehttp.WithHeaders(map[string]string{"X-Moesif-Application-Id": f.app.ApplicationID}))
	if err != nil {
		t.Fatal(err)
	}
	stub := tracetest.SpanStub{
		Name: "GET", SpanKind: oteltrace.SpanKindServer, StartTime: noon.Add(-time.Minute), EndTime: noon.Add(-time.Minute + time.Second),
		SpanContext: oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{2}}),
		Attributes:  []attribute.KeyValue{attribute.String("http.request.method", "GET"), attribute.String("url.path", "/a"), attribute.Int("http.response.status_code", 204), attribute.String("user.id", "ada")},
	}
	for range 2 {
		if err := exporter.ExportSpans(context.Background(), tracetest.SpanStubs{stub}.Snapshots()); err != nil {
			t.Fatal(err)
		}
	}
	e := f.journal.event(t, 0)
	if e.UserID != "ada" || e.Response.Status != 204 || e.Request.URI != "/a" || f.journal.last(t).Entries[0].ID != e.TransactionID {
		t.Errorf("got %+v", e)
	}
	var m map[string]otlp.Metadata
	if err := json.Unmarshal(e.Metadata, &m); err != nil || m["opentelemetry"].TraceID != "01000000000000000000000000000000" {
		t.Errorf("metadata %s", e.Metadata)
	}
	if a, b := f.journal.batches[0].Entries[0].ID, f.journal.batches[1].Entries[0].ID; a != b {
		t.Errorf("an export again has other ids: %s, %s", a, b)
	}
	// What is refused is told as a partial success, which the exporter understands.
	internal := stub
	internal.SpanKind = oteltrace.SpanKindInternal
	err = exporter.ExportSpans(context.Background(), tracetest.SpanStubs{internal, stub}.Snapshots())
	if err == nil || !strings.Contains(err.Error(), "1 not_http (1 spans rejected)") {
		t.Errorf("got %v", err)
	}
	if b := f.journal.last(t); len(b.Entries) != 1 || b.Rejected["not_http"] != 1 {
		t.Errorf("%d entries, rejected %v", len(b.Entries), b.Rejected)
	}
	if err := exporter.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// spanAt is a span of a server in JSON.
func spanAt(at time.Time, attributes string) string {
	return fmt.Sprintf(`{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","kind":2,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[%s]}`,
		at.UnixNano(), at.UnixNano()+1000, attributes)
}

const method = `{"key":"http.request.method","value":{"stringValue":"GET"}}`

func export(spans ...string) string {
	return `{"resourceSpans":[{"scopeSpans":[{"spans":[` + strings.Join(spans, ",") + `]}]}]}`
}

func TestAnExportIsAnsweredAsOpenTelemetryHasIt(t *testing.T) {
	f := setUp(t)
	good := spanAt(noon, method)
	for _, c := range []struct {
		body, answer string
		status       int
	}{
		{`{}`, `{}`, 200},
		{export(), `{}`, 200},
		{export(good), `{}`, 200},
		{
			export(good, spanAt(noon, ""), spanAt(noon.Add(-31*24*time.Hour), method), `{"spanId":[]}`, spanAt(noon, "")),
			`{"partialSuccess":{"errorMessage":"1 malformed, 2 not_http, 1 too_old, span 3: span: spanId: of the wrong type (got array)","rejectedSpans":"4"}}`, 200,
		},
		{export("7"), `{"partialSuccess":{"errorMessage":"1 malformed, span 0: span: all of it: of the wrong type (got number)","rejectedSpans":"1"}}`, 200},
	} {
		w := f.post("/v1/traces", c.body, "Content-Type", "application/json; charset=utf-8")
		if w.Code != c.status || w.Body.String() != c.answer || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: got %d %s", c.body, w.Code, w.Body)
		}
	}
	counts := map[string]int{}
	stored := 0
	for _, b := range f.journal.batches {
		stored += len(b.Entries)
		for reason, n := range b.Rejected {
			counts[reason] += n
		}
	}
	if stored != 2 || fmt.Sprint(counts) != "map[malformed:2 not_http:2 too_old:1]" {
		t.Errorf("%d stored, rejected %v", stored, counts)
	}
	f.want(f.post("/v1/traces", "[]"), http.StatusBadRequest)
	f.want(f.post("/v1/traces", "{}", "Content-Type", "text/plain"), http.StatusUnsupportedMediaType)
	f.want(f.post("/v1/traces", "{}", "X-Moesif-Application-Id", "wrong"), http.StatusUnauthorized)
	f.want(f.do(http.MethodGet, "/v1/traces", ""), http.StatusMethodNotAllowed)
	f.want(f.post("/v1/traces", strings.Repeat(" ", 16<<20)), http.StatusRequestEntityTooLarge)
	f.want(f.post("/v1/traces", export(strings.TrimSuffix(strings.Repeat("{},", 100_001), ","))), http.StatusRequestEntityTooLarge)
}

func TestExportersInProtobufAreAnsweredInProtobuf(t *testing.T) {
	f := setUp(t)
	w := f.post("/v1/traces", "", "Content-Type", "application/x-protobuf")
	var answer collectorpb.ExportTraceServiceResponse
	if err := proto.Unmarshal(w.Body.Bytes(), &answer); w.Code != 200 || err != nil || answer.GetPartialSuccess().GetRejectedSpans() != 0 {
		t.Errorf("got %d %q %v", w.Code, w.Body, err)
	}
	w = f.post("/v1/traces", "\x0a\x04\x12\x02\x12\x00", "Content-Type", "application/x-protobuf")
	if err := proto.Unmarshal(w.Body.Bytes(), &answer); w.Code != 200 || err != nil || answer.GetPartialSuccess().GetRejectedSpans() != 1 || answer.GetPartialSuccess().GetErrorMessage() != "1 not_http" {
		t.Errorf("got %d %q %v", w.Code, w.Body, err)
	}
	w = f.post("/v1/traces", "no", "Content-Type", "application/x-protobuf")
	if w.Code != 400 || w.Header().Get("Content-Type") != "application/x-protobuf" || !strings.Contains(w.Body.String(), "not protobuf") {
		t.Errorf("got %d %v %q", w.Code, w.Header(), w.Body)
	}
	f.journal.ready = context.DeadlineExceeded
	w = f.post("/v1/traces", "", "Content-Type", "application/x-protobuf")
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
}
