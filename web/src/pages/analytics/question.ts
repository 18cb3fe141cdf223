import type { Question, QuestionAnswer, QuestionFilter } from "../../api/types";
import { compact, count, latency, percent, unknown } from "../../format/number";
import { presets, queryOfRange, rangeFromQuery, spanOf, type Range } from "../../url/range";
import { href, type Location } from "../../url/location";

export type Kind = Question["kind"];
export type ChartKind = "line" | "stacked" | "bar" | "table";

/** The page of each kind of question. */
export const places: Record<Kind, string> = { analysis: "questions", funnel: "funnels", retention: "retention" };

const beginnings: Record<Kind, Question> = {
  analysis: { kind: "analysis", metrics: ["count"], groups: ["company_id"], over_time: true, chart: "stacked" },
  funnel: {
    kind: "funnel",
    by: "user",
    start: "first",
    within: "7d",
    steps: [{ name: "First call" }, { name: "First success", filters: [{ field: "failed", op: "is", values: ["false"] }] }],
  },
  retention: { kind: "retention", by: "user", weeks: 8 },
};

/** The question of an address; what cannot be read is the question one begins with. */
export function questionOf(kind: Kind, query: URLSearchParams): Question {
  const text = query.get("ask");
  if (!text) return beginnings[kind];
  try {
    const read = JSON.parse(text) as Partial<Question> | null;
    return read && typeof read === "object" ? { ...read, kind } : beginnings[kind];
  } catch {
    return beginnings[kind];
  }
}

/** The keys of the address for a question; the range stands beside it. */
export function askOf(question: Question): string {
  return JSON.stringify({ ...question, from: undefined, to: undefined });
}

/** The question with the range of the address. */
export function withRange(question: Question, range: Range): Question {
  return { ...question, ...spanOf(range) };
}

/** The range a kept question was asked about. */
export function rangeOf(question: Question): Range {
  const preset = presets.find((one) => question.from === "-" + one && (question.to === "now" || !question.to));
  if (preset) return { preset };
  return rangeFromQuery(new URLSearchParams({ from: question.from ?? "", to: question.to ?? "" }));
}

/** The address at which a kept question is asked again. */
export function hrefOf(question: Question, app: string | null, chart?: string): string {
  return href(["usage", places[question.kind]], { app: app ?? undefined, ...queryOfRange(rangeOf(question)), ask: askOf(question), chart });
}

/** The address of another page with the application kept. */
export function hrefHere(at: Location, path: string[]): string {
  return href(["usage", ...path], { app: at.query.get("app") ?? undefined });
}

export const metricNames: Record<string, string> = {
  count: "Calls",
  users: "Unique users",
  companies: "Unique companies",
  errors: "Errors",
  error_rate: "Error rate",
  refused: "Refused",
  refused_rate: "Refused rate",
  p50: "Duration, p50",
  p75: "Duration, p75",
  p90: "Duration, p90",
  p95: "Duration, p95",
  p99: "Duration, p99",
  sum: "Sum of",
  avg: "Average of",
  min: "Minimum of",
  max: "Maximum of",
};

export const ofField = ["sum", "avg", "min", "max"];

export function metricName(metric: string): string {
  const [kind = "", field] = cut(metric);
  if (!field) return metricNames[kind] ?? kind;
  return ofField.includes(kind) ? `${metricNames[kind] ?? kind} ${field}` : `${field}, ${kind}`;
}

export function cut(metric: string): [string, string] {
  const at = metric.indexOf(":");
  return at < 0 ? [metric, ""] : [metric.slice(0, at), metric.slice(at + 1)];
}

/** A value of a metric as people read it. */
export function formatOf(metric: string): (value: number | null | undefined) => string {
  const [kind, field] = cut(metric);
  if (kind.endsWith("_rate")) return (v) => (v === null || v === undefined ? unknown : percent(v));
  if (field === "duration_ms" || (!field && /^p\d/.test(kind))) return latency;
  return (v) => (v === null || v === undefined ? unknown : Number.isInteger(v) || Math.abs(v) >= 1000 ? compact(v) : String(Number(v.toPrecision(4))));
}

/** The same with every digit, for a hint. */
export function exactly(value: number | null | undefined): string {
  if (value === null || value === undefined) return "";
  return Number.isInteger(value) ? count(value) : String(value);
}

/** Whether the values of a metric may be piled up: those of its groups add up to that of all. */
export function addsUp(metric: string): boolean {
  const [kind] = cut(metric);
  return ["count", "errors", "refused", "sum"].includes(kind);
}

export const opNames: Record<string, string> = {
  is: "is",
  is_not: "is not",
  contains: "contains",
  not_contains: "does not contain",
  starts_with: "begins with",
  ends_with: "ends with",
  gt: ">",
  gte: "≥",
  lt: "<",
  lte: "≤",
  exists: "is there",
  missing: "is missing",
};

export function needsValue(op: string): boolean {
  return op !== "exists" && op !== "missing";
}

/** Filters that can be asked: one that is still being written is left out. */
export function wholeFilters(filters: QuestionFilter[] | undefined): QuestionFilter[] {
  return (filters ?? []).filter((f) => f.field && (!needsValue(f.op) || (f.values?.length ?? 0) > 0));
}

/** The question without what is still being written. */
export function whole(q: Question): Question {
  return {
    ...q,
    filters: wholeFilters(q.filters),
    return: wholeFilters(q.return),
    groups: q.groups?.filter(Boolean),
    metrics: q.metrics?.filter((m) => !ofField.includes(cut(m)[0]) || cut(m)[1]),
    steps: q.steps?.map((step) => ({ ...step, filters: wholeFilters(step.filters) })),
    over_time: q.kind === "analysis" ? q.chart !== "table" : undefined,
  };
}

/** Whether the answer has nothing to draw: no calls, or nobody in the first step or any week. */
export function isNothing({ analysis, funnel, retention }: Pick<QuestionAnswer, "analysis" | "funnel" | "retention">): boolean {
  if (funnel) return (funnel.steps[0]?.customers ?? 0) === 0;
  if (retention) return retention.cohorts.every((cohort) => cohort.customers === 0);
  return !analysis || analysis.lines.length === 0 || analysis.total.values.every((v) => v === null || v === 0);
}

/** A group's keys as one name. */
export function keysName(keys: string[], fields: string[], others: boolean): string {
  if (others) return "All others";
  if (keys.length === 0) return "All calls";
  return keys.map((key, i) => key || `no ${fields[i] ?? "value"}`).join(" · ");
}
