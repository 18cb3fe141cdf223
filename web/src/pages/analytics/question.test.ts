import { describe, expect, it } from "vitest";
import type { Question } from "../../api/types";
import { parseHash } from "../../url/location";
import { moved } from "./DashboardPage";
import { addsUp, askOf, formatOf, hrefOf, isNothing, keysName, metricName, questionOf, rangeOf, whole } from "./question";

const question: Question = { kind: "analysis", metrics: ["count", "sum:request.body.a:b"], groups: ["request.headers.X-Plan"], filters: [{ field: "path", op: "is", values: ["/a?b#c&d", "'; --"] }] };

describe("a question", () => {
  it("comes back from the address as it was", () => {
    const at = parseHash(hrefOf({ ...question, from: "-7d", to: "now" }, "app_1", "c1"));
    expect(at.path).toEqual(["usage", "questions"]);
    expect(at.query.get("range")).toBe("7d");
    expect(questionOf("analysis", at.query)).toEqual(question);
  });

  it.each(["", "x", "null", "[", '"text"'])("is the one to begin with when the address has %s", (ask) => {
    expect(questionOf("funnel", new URLSearchParams({ ask })).steps).toHaveLength(2);
  });

  it("is asked without what is still being written", () => {
    const draft: Question = { ...question, metrics: ["count", "sum:"], groups: ["", "verb"], filters: [{ field: "", op: "is" }, { field: "verb", op: "is", values: [] }, { field: "ip", op: "missing" }], chart: "table" };
    expect(whole(draft)).toMatchObject({ metrics: ["count"], groups: ["verb"], filters: [{ field: "ip", op: "missing" }], over_time: false });
  });

  it("has nothing to show without calls, and without anybody", () => {
    const none = { keys: [], others: false, values: [0], before: null, points: null, points_before: null };
    const analysis = { metrics: ["count"], groups: ["company_id"], interval_seconds: 0, times: [], total: none, lines: [] as typeof none[], next: "", rollups: true };
    expect(isNothing({ analysis })).toBe(true);
    expect(isNothing({ analysis: { ...analysis, total: { ...none, values: [1] }, lines: [{ ...none, values: [1] }] } })).toBe(false);
    const step = { name: "", customers: 0, share: 0, median_seconds: null };
    expect(isNothing({ funnel: { steps: [step] } })).toBe(true);
    expect(isNothing({ funnel: { steps: [{ ...step, customers: 1 }, step] } })).toBe(false);
    const week = { week: "2026-11-02T00:00:00Z", customers: 0, active: [] };
    expect(isNothing({ retention: { cohorts: [week, week] } })).toBe(true);
    expect(isNothing({ retention: { cohorts: [week, { ...week, customers: 1 }] } })).toBe(false);
  });

  it("keeps a range that moves and one that does not", () => {
    expect(rangeOf({ kind: "analysis", from: "-30d", to: "now" })).toEqual({ preset: "30d" });
    const fixed = { from: "2026-11-01T00:00:00.000Z", to: "2026-11-02T00:00:00.000Z" };
    expect(rangeOf({ kind: "analysis", ...fixed })).toEqual(fixed);
    expect(askOf({ ...question, ...fixed })).not.toContain("2026");
  });
});

describe("a metric", () => {
  it("has a name and a format", () => {
    expect([metricName("p95"), metricName("p95:request_bytes"), metricName("sum:a.b")]).toEqual(["Duration, p95", "request_bytes, p95", "Sum of a.b"]);
    expect([formatOf("error_rate")(0.5), formatOf("p95")(12), formatOf("sum:x")(2.5), formatOf("count")(null)]).toEqual(["50.0%", "12\u00a0ms", "2.5", "–"]);
  });
  it("is piled up only where its groups add up", () => expect(["count", "sum:x", "users", "p95", "error_rate"].filter(addsUp)).toEqual(["count", "sum:x"]));
});

describe("groups and tiles", () => {
  it("have names", () => expect([keysName(["acme", ""], ["company_id", "verb"], false), keysName([], [], false), keysName([""], ["x"], true)]).toEqual(["acme · no verb", "All calls", "All others"]));
  it("change their order", () => {
    expect(moved(["a", "b", "c"], 2, 1)).toEqual(["a", "c", "b"]);
    expect(moved(["a", "b"], 0, -1)).toEqual(["a", "b"]);
  });
});
