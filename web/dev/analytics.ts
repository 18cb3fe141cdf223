import type { AnalysisAnswer, Dashboard, Question, QuestionAnswer, SavedChart, WireEvent } from "../src/api/types";
import { durationOf, facts, failed, pathOf, statusOf } from "../src/wire/event.ts";
import type { Answer } from "./mock.ts";

const day = 86_400_000;

/**
 * Questions, charts and dashboards over sample data. Filters compare for equality;
 * funnels and retention have the shape of an answer, from who called when.
 */
export class Analytics {
  private readonly kept: { charts: SavedChart[]; dashboards: Dashboard[] } = { charts: [], dashboards: [] };
  private made = 0;

  constructor(
    private readonly now: () => number,
    private readonly events: () => WireEvent[],
    private readonly instant: (text: string | null, otherwise: number) => number,
  ) {
    const question: Question = { kind: "analysis", metrics: ["count"], groups: ["route"], over_time: true, chart: "stacked", from: "-7d", to: "now" };
    const chart = this.save("charts", { name: "Calls by route", question, shared: true });
    this.save("dashboards", { name: "The week", shared: true, tiles: [{ chart: chart.id ?? "", width: 12, height: 2 }] });
  }

  answer(method: string, resource: "analytics" | "charts" | "dashboards", id: string | undefined, q: URLSearchParams, sent: unknown): Answer {
    if (resource === "analytics") return id === "fields" ? ok(fields) : this.ask(q.get("question"));
    const list: { id?: string }[] = this.kept[resource];
    const place = list.findIndex((one) => one.id === id);
    if (method === "GET") return ok(id ? list[place] : { [resource]: list });
    if (method === "DELETE") {
      list.splice(place, 1);
      return { status: 204, body: undefined };
    }
    return ok(this.save(resource, { ...(sent as object), id }));
  }

  private save(what: "charts" | "dashboards", draft: { id?: string; [more: string]: unknown }): { id?: string } {
    const at = new Date(this.now()).toISOString();
    const list = this.kept[what] as { id?: string }[];
    const kept = { description: "", created_at: at, mine: true, ...draft, id: draft.id ?? `${what}_${++this.made}`, updated_at: at };
    const place = list.findIndex((one) => one.id === kept.id);
    if (place < 0) list.push(kept);
    else list[place] = kept;
    return kept;
  }

  private ask(text: string | null): Answer {
    const asked = JSON.parse(text ?? "{}") as Question;
    const from = this.instant(asked.from ?? null, this.now() - 7 * day);
    const to = this.instant(asked.to ?? null, this.now());
    const events = this.events().filter((e) => at(e) >= from && at(e) < to && passes(e, asked.filters));
    const answer: QuestionAnswer = { kind: asked.kind, from: new Date(from).toISOString(), to: new Date(to).toISOString() };
    if (asked.kind === "analysis") answer.analysis = analysis(asked, events, from, to);
    if (asked.kind === "funnel") answer.funnel = { steps: funnel(asked, events) };
    if (asked.kind === "retention") answer.retention = { cohorts: retention(asked, this.events(), to) };
    return ok(answer);
  }
}

function analysis(asked: Question, events: WireEvent[], from: number, to: number): AnalysisAnswer {
  const groups = asked.groups ?? [];
  const metrics = asked.metrics?.length ? asked.metrics : ["count"];
  const step = [3_600_000, 6 * 3_600_000, day].find((one) => (to - from) / one <= 200) ?? day;
  const times = asked.over_time ? Array.from({ length: Math.ceil((to - from) / step) }, (_, i) => from + i * step) : [];
  const line = (keys: string[], of: WireEvent[], others = false) => ({
    keys,
    others,
    values: metrics.map((metric) => measure(metric, of)),
    before: null,
    points: asked.over_time ? times.map((t) => metrics.map((metric) => measure(metric, of.filter((e) => at(e) >= t && at(e) < t + step)))) : null,
    points_before: null,
  });
  const sorted = [...groupBy(events, (e) => JSON.stringify(groups.map((field) => valueOf(e, field))))].sort(([, a], [, b]) => b.length - a.length);
  const most = asked.limit || 8;
  const lines = sorted.slice(0, most).map(([keys, of]) => line(JSON.parse(keys) as string[], of));
  const rest = sorted.slice(most).flatMap(([, of]) => of);
  if (rest.length) lines.push(line([], rest, true));
  return { groups, metrics, lines, total: line([], events), times: times.map((t) => new Date(t).toISOString()), interval_seconds: step / 1000, next: "", rollups: false };
}

function funnel(asked: Question, events: WireEvent[]) {
  const who = (e: WireEvent) => (asked.by === "company" ? e.company_id : e.user_id) ?? "";
  let left = new Set(events.map(who).filter(Boolean));
  const first = left.size;
  return (asked.steps ?? []).map((one, i) => {
    left = new Set(events.filter((e) => left.has(who(e)) && passes(e, one.filters)).map(who));
    return { name: one.name ?? "", customers: left.size, share: first ? left.size / first : 0, median_seconds: i === 0 ? null : 60 * i };
  });
}

function retention(asked: Question, events: WireEvent[], to: number) {
  const weeks = asked.weeks || 8;
  const monday = (t: number) => Math.floor((t / day + 3) / 7);
  const first = monday(to - 1) - weeks + 1;
  const seen = groupBy(events.filter((e) => e.user_id), (e) => (asked.by === "company" ? e.company_id : e.user_id) ?? "");
  const customers = [...seen.values()].map((of) => new Set(of.map((e) => monday(at(e)))));
  return Array.from({ length: weeks }, (_, i) => {
    const of = customers.filter((active) => Math.min(...active) === first + i);
    const active = Array.from({ length: weeks - i }, (_, after) => of.filter((one) => one.has(first + i + after)).length);
    return { week: new Date(((first + i) * 7 - 3) * day).toISOString(), customers: of.length, active };
  });
}

function groupBy(events: WireEvent[], key: (e: WireEvent) => string): Map<string, WireEvent[]> {
  const groups = new Map<string, WireEvent[]>();
  for (const e of events) {
    const name = key(e);
    const group = groups.get(name);
    if (group) group.push(e);
    else groups.set(name, [e]);
  }
  return groups;
}

const at = (e: WireEvent) => Date.parse(e.request.time);

function valueOf(e: WireEvent, field: string): string {
  const values: Record<string, string | undefined> = {
    company_id: e.company_id, user_id: e.user_id, route: facts(e).route, status: String(statusOf(e)), verb: e.request.verb, path: pathOf(e), failed: String(failed(statusOf(e))),
  };
  return values[field] ?? "";
}

function passes(e: WireEvent, filters: Question["filters"]): boolean {
  return (filters ?? []).every((f) => {
    const is = (f.values ?? []).includes(valueOf(e, f.field));
    return f.op === "is_not" ? !is : is;
  });
}

function measure(metric: string, of: WireEvent[]): number | null {
  if (metric === "count") return of.length;
  const errors = of.filter((e) => failed(statusOf(e))).length;
  if (metric === "errors") return errors;
  if (metric === "error_rate") return of.length ? errors / of.length : null;
  if (metric === "users") return new Set(of.map((e) => e.user_id)).size;
  if (metric === "companies") return new Set(of.map((e) => e.company_id)).size;
  const took = of.map((e) => durationOf(e) ?? 0).sort((a, b) => a - b);
  const share = Number(/^p(\d+)/.exec(metric)?.[1] ?? 50) / 100;
  return took[Math.min(took.length - 1, Math.floor(share * took.length))] ?? null;
}

const fields = {
  fields: ["company_id", "user_id", "route", "status", "verb", "path", "failed"],
  prefixes: ["request.headers.", "request.body.", "response.headers.", "response.body.", "metadata."],
  ops: ["is", "is_not"],
  metrics: ["count", "users", "companies", "errors", "error_rate", "p50", "p95", "p99"],
};

function ok(body: unknown): Answer {
  return { status: 200, body };
}
