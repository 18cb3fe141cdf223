import type { Books, CompanyRow, Profile, Session, Series, Top, TopRow, Totals, UserRow, WireEvent } from "../src/api/types";
import { durationOf, facts, failed, pathOf, statusOf } from "../src/wire/event.ts";
import { Analytics } from "./analytics.ts";
import { Cohorts, subscriptionsOf } from "./cohorts.ts";
import { Rules } from "./governance.ts";
import { sample } from "./sample.ts";
import { rightsOfPeople, scopes, settings } from "./settings.ts";
import { Erasures } from "./upkeep.ts";

/** An answer of the mock: a status and a JSON document. */
export interface Answer {
  status: number;
  body: unknown;
  /** A body that is text goes out as it is, as of this kind. */
  type?: string;
}

export interface MockOptions {
  now?: () => number;
  /** Calls over the seven days before the start. */
  calls?: number;
  /** New calls per second of the clock. */
  rate?: number;
  signedIn?: boolean;
}

/** The console API over sample data, held in memory. */
export class Mock {
  session: Session;
  events: WireEvent[];
  readonly cohorts: Cohorts;
  private readonly rules: Rules;
  private readonly analytics: Analytics;
  private readonly erasures: Erasures;
  private readonly data;
  private readonly now: () => number;
  private readonly rate: number;
  private upTo: number;

  constructor(o: MockOptions = {}) {
    this.now = o.now ?? Date.now;
    this.rate = o.rate ?? 0.5;
    this.upTo = this.now();
    this.data = sample(this.upTo, o.calls ?? 9000);
    this.events = this.data.events;
    this.cohorts = new Cohorts(this.now, () => this.events);
    this.rules = new Rules(this.now, () => this.events);
    this.analytics = new Analytics(this.now, () => this.events, (text, otherwise) => this.instant(text, otherwise));
    const of = (kind: string, id: string) => this.events.filter((e) => (kind === "company" ? e.company_id : e.user_id) === id);
    this.erasures = new Erasures(this.now, (kind, id) => {
      const gone = new Set(of(kind, id));
      this.events = this.events.filter((e) => !gone.has(e));
      return gone.size;
    }, of);
    this.session = { signed_in: o.signedIn ?? true, email: o.signedIn === false ? "" : "ada@example.com", needs_password: false, version: "0.1.0", role: "owner", rights: [...scopes.map((one) => one.scope), ...rightsOfPeople], single_sign_on: false };
  }

  answer(method: string, target: string, sent?: unknown): Answer {
    const url = new URL(target, "http://mock");
    const [, resource = "", id] = /^\/api\/v1\/([^/]+(?:\/(?:series|top))?)(?:\/(.+))?$/.exec(url.pathname) ?? [];
    if (resource === "session" || resource === "me") return this.access(method, resource, sent as Record<string, string>);
    if (!this.session.signed_in) return refuse(401, "sign in first");
    this.arrive();
    const q = url.searchParams;
    switch (resource) {
      case "apps":
        return ok({ apps: [{ id: "app_1", name: "Production", application_id: applicationId, created_at: "2026-11-01T08:00:00Z", rate: 0, burst: 0, revoked_at: null, old_ids: [] }] });
      case "people":
      case "tokens":
      case "audit":
        return method === "GET" ? ok(settings[resource]) : refuse(501, "the sample data has fixed people and tokens");
      case "pipeline":
        return ok(id === "sources" ? { interval_seconds: 60, intervals: [], sources: [] } : { apps: [this.books()] });
      case "retention":
        return ok({ events_days: 0, bodies_days: 0, rollups_days: 0, would_delete: { events: 0, bodies: 0, actions: 0, rollups: 0 } });
      case "events":
        if (id?.startsWith("export")) return this.export(id, q);
        return id ? this.one(id) : this.list(q);
      case "usage/series":
        return ok(this.series(q));
      case "usage/top":
        return ok(this.top(q));
      case "rules":
        return this.rules.answer(method, id, sent);
      case "analytics":
      case "charts":
      case "dashboards":
        return this.analytics.answer(method, resource, id, q, sent);
      case "erasures":
        return this.erasures.answer(method, id, q, sent);
      case "cohorts":
        return this.cohorts.answer(method, id, q, sent);
      case "companies":
      case "users":
        if (id?.endsWith("/standing")) return ok(this.cohorts.standing(resource, decodeURIComponent(id.slice(0, -"/standing".length))));
        if (id?.endsWith("/subscriptions")) return ok({ subscriptions: subscriptionsOf(decodeURIComponent(id.slice(0, -"/subscriptions".length))) });
        return id ? ok(this.profile(resource, decodeURIComponent(id))) : ok(this.customers(resource, q));
      default:
        return refuse(404, `nothing at ${url.pathname}`);
    }
  }

  private access(method: string, resource: string, sent: Record<string, string>): Answer {
    if (resource === "me") {
      this.session = { ...this.session, email: sent.email ?? "", needs_password: false };
    } else if (method === "POST") {
      if (sent.token !== undefined && sent.token !== "one-time") return refuse(401, "this token is not known, or was used already");
      if (sent.token === undefined && sent.password !== "correct horse") return refuse(401, "e-mail or password is wrong");
      this.session = { ...this.session, signed_in: true, email: sent.email ?? "", needs_password: sent.token !== undefined };
    } else if (method === "DELETE") {
      this.session = { ...this.session, signed_in: false };
    }
    return ok(this.session);
  }

  private arrive(): void {
    const now = this.now();
    if (this.rate <= 0 || this.events.length === 0) return;
    for (let at = this.upTo; at + 1000 / this.rate < now; at += 1000 / this.rate) {
      this.events.push(this.data.make(at + Math.random() * 200));
      this.upTo = at + 1000 / this.rate;
    }
  }

  private books(): Books {
    const stored = this.events.length;
    return { app: "app_1", received: stored + 61, stored, duplicate: 38, rejected: { too_old: 4, malformed: 2 }, dropped: {}, deleted: {}, in_flight: 17 };
  }

  private matching(q: URLSearchParams): WireEvent[] {
    const from = this.instant(q.get("from"), -Infinity);
    const to = this.instant(q.get("to"), Infinity);
    const text = q.get("q")?.toLowerCase();
    return this.events.filter((e) => {
      const at = Date.parse(e.request.time);
      const status = statusOf(e);
      const wanted = q.get("status");
      return (
        at >= from && at < to &&
        equal(q.get("user_id"), e.user_id) && equal(q.get("company_id"), e.company_id) &&
        equal(q.get("route"), facts(e).route) && equal(q.get("verb"), e.request.verb) && equal(q.get("path"), pathOf(e)) &&
        (!wanted || (wanted.endsWith("xx") ? String(status)[0] === wanted[0] : String(status) === wanted)) &&
        (q.get("errors") !== "true" || failed(status)) &&
        (!text || [e.request.uri, e.user_id, e.company_id].some((s) => s?.toLowerCase().includes(text)))
      );
    });
  }

  private list(q: URLSearchParams): Answer {
    const limit = Number(q.get("limit") ?? 100);
    const skip = Number(q.get("cursor") ?? 0);
    const found = this.matching(q).reverse();
    const events = found.slice(skip, skip + limit);
    return ok({ events, next: skip + limit < found.length ? String(skip + limit) : "" });
  }

  private export(id: string, q: URLSearchParams): Answer {
    const found = this.matching(q).reverse();
    const lines = found.map((e) => JSON.stringify(e) + "\n").join("");
    if (id === "export/preview") return ok({ events: found.length, bytes: lines.length, most: q.get("format") === "ndjson" ? 0 : 10_000_000 });
    if (q.get("format") !== "ndjson") return refuse(501, "the sample data leaves as NDJSON only");
    return { status: 200, body: lines, type: "application/x-ndjson" };
  }

  private one(id: string): Answer {
    const found = this.events.find((e) => e.transaction_id === id);
    return found ? ok(found) : refuse(404, "no call with this id");
  }

  private series(q: URLSearchParams): Series {
    const from = this.instant(q.get("from"), this.now() - 86_400_000);
    const to = this.instant(q.get("to"), this.now());
    const step = interval(to - from);
    const first = Math.floor(from / step) * step;
    const by = q.get("by") ?? "";
    const groups = groupBy(this.matching(q), by);
    const most = Number(q.get("groups") ?? 8);
    const kept = groups.slice(0, most);
    const others = groups.slice(most).flatMap((g) => g.events);
    if (others.length) kept.push({ key: "(others)", events: others });
    if (kept.length === 0 && by === "") kept.push({ key: "", events: [] });
    return {
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      interval_seconds: step / 1000,
      groups: kept.map((g) => {
        const buckets = new Map<number, WireEvent[]>();
        for (const e of g.events) {
          const slot = Math.floor(Date.parse(e.request.time) / step) * step;
          buckets.set(slot, [...(buckets.get(slot) ?? []), e]);
        }
        const points = [];
        for (let t = first; t < to; t += step) {
          const { calls, errors, p50_ms, p95_ms, p99_ms } = totals(buckets.get(t) ?? []);
          points.push({ t: new Date(t).toISOString(), calls, errors, p50_ms, p95_ms, p99_ms });
        }
        return { key: g.key, calls: g.events.length, points };
      }),
    };
  }

  private top(q: URLSearchParams): Top {
    const found = this.matching(q);
    const by = q.get("by") ?? "";
    const rows: TopRow[] = groupBy(found, by).slice(0, Number(q.get("limit") ?? 50)).map((g) => ({ key: g.key, ...totals(g.events) }));
    return {
      from: new Date(this.instant(q.get("from"), 0)).toISOString(),
      to: new Date(this.instant(q.get("to"), this.now())).toISOString(),
      by,
      total: totals(found),
      rows,
    };
  }

  private customers(kind: "companies" | "users", q: URLSearchParams): { next: string; companies?: CompanyRow[]; users?: UserRow[] } {
    const text = q.get("q")?.toLowerCase() ?? "";
    const narrowed = new URLSearchParams([...q].filter(([key]) => key !== "q"));
    const inRange = new Map(groupBy(this.matching(narrowed), kind === "companies" ? "company" : "user").map((g) => [g.key, g.events]));
    const ever = groupBy(this.events.filter((e) => equal(q.get("company_id"), e.company_id)), kind === "companies" ? "company" : "user");
    const rows = ever
      .filter((g) => g.key !== "" && g.key.includes(text))
      .map((g) => {
        const events = inRange.get(g.key) ?? [];
        const seen = totals(g.events);
        return {
          company_id: kind === "companies" ? g.key : (g.events[0]?.company_id ?? ""),
          user_id: g.key,
          domain: "",
          email: "",
          name: kind === "companies" ? g.key[0]?.toUpperCase() + g.key.slice(1) + " Inc." : "",
          ...totals(events),
          users: new Set(g.events.map((e) => e.user_id)).size,
          first_seen: g.events[0]?.request.time ?? null,
          last_seen: seen.last_seen,
        };
      });
    const sort = q.get("sort") ?? "calls";
    rows.sort((a, b) => {
      if (sort === "name") return a.user_id < b.user_id ? -1 : 1;
      if (sort.endsWith("last_seen")) return (sort[0] === "-" ? 1 : -1) * ((a.last_seen ?? "") < (b.last_seen ?? "") ? 1 : -1);
      return Number(b[sort as "calls"]) - Number(a[sort as "calls"]);
    });
    return kind === "companies" ? { companies: rows, next: "" } : { users: rows, next: "" };
  }

  private profile(kind: "companies" | "users", id: string): Profile {
    const events = this.events.filter((e) => (kind === "companies" ? e.company_id : e.user_id) === id);
    return {
      ...(kind === "companies" ? { company_id: id, users: new Set(events.map((e) => e.user_id)).size } : { user_id: id, company_id: events[0]?.company_id }),
      name: kind === "companies" ? id[0]?.toUpperCase() + id.slice(1) + " Inc." : "",
      first_seen: events[0]?.request.time ?? null,
      last_seen: events.at(-1)?.request.time ?? null,
      metadata: kind === "companies" ? { plan: "growth", account_manager: "Noor" } : {},
    };
  }

  private instant(text: string | null, otherwise: number): number {
    if (!text) return otherwise;
    if (text === "now") return this.now();
    const [, amount, unit] = /^-(\d+)([smhd])$/.exec(text) ?? [];
    if (!amount || !unit) return Date.parse(text);
    return this.now() - Number(amount) * { s: 1e3, m: 6e4, h: 36e5, d: 864e5 }[unit as "s"];
  }
}

const applicationId = "gm_4fK2pQ9sVb7LxYtD3nWc8ZrHj6MgEa1UoTi5CkXw0BNeRqSdFhPl";

function groupBy(events: WireEvent[], by: string): { key: string; events: WireEvent[] }[] {
  const groups = new Map<string, WireEvent[]>();
  for (const e of events) {
    const key = keyOf(e, by);
    const group = groups.get(key);
    if (group) group.push(e);
    else groups.set(key, [e]);
  }
  return [...groups].map(([key, list]) => ({ key, events: list })).sort((a, b) => b.events.length - a.events.length);
}

function keyOf(e: WireEvent, by: string): string {
  switch (by) {
    case "company":
      return e.company_id ?? "";
    case "user":
      return e.user_id ?? "";
    case "route":
      return facts(e).route ?? "";
    case "status":
      return String(statusOf(e));
    case "verb":
      return e.request.verb;
    default:
      return "";
  }
}

function totals(events: WireEvent[]): Totals {
  const took = events.map((e) => durationOf(e) ?? 0).sort((a, b) => a - b);
  const quantile = (p: number) => (took.length ? (took[Math.min(took.length - 1, Math.floor(p * took.length))] ?? null) : null);
  const errors = events.filter((e) => failed(statusOf(e))).length;
  return {
    calls: events.length,
    errors,
    error_rate: events.length ? errors / events.length : 0,
    p50_ms: quantile(0.5),
    p95_ms: quantile(0.95),
    p99_ms: quantile(0.99),
    last_seen: events.at(-1)?.request.time ?? null,
  };
}

function interval(span: number): number {
  const steps = [10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 21600, 86400].map((s) => s * 1000);
  return steps.find((step) => span / step <= 100) ?? 86_400_000;
}

function equal(wanted: string | null, value: string | undefined): boolean {
  return !wanted || wanted === value;
}

function ok(body: unknown): Answer {
  return { status: 200, body };
}

function refuse(status: number, detail: string): Answer {
  return { status, body: { status, title: "refused", detail } };
}
