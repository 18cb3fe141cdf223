import type { Change, Cohort, CohortDraft, CohortKind, Condition, Member, Standing, Subscription } from "../src/api/cohorts";
import type { CustomerKind, WireEvent } from "../src/api/types";
import { failed, statusOf } from "../src/wire/event.ts";
import type { Answer } from "./mock.ts";

const hour = 3_600_000;

/** Cohorts over sample data: usage conditions are evaluated, of attributes only the id. */
export class Cohorts {
  list: Cohort[] = [];
  changes: Change[] = [];
  private readonly members = new Map<string, Member[]>();
  private made = 0;

  constructor(
    private readonly now: () => number,
    private readonly events: () => WireEvent[],
  ) {}

  answer(method: string, rest: string | undefined, q: URLSearchParams, sent: unknown): Answer {
    const [id, part] = rest?.split("/") ?? [];
    const draft = sent as CohortDraft;
    if (id === undefined) return method === "POST" ? this.add(draft) : ok({ cohorts: this.list });
    if (id === "preview") {
      const found = this.find(draft.kind, draft.criteria.match, draft.criteria.conditions);
      return ok({ members: found.length, customers: found.slice(0, 100) });
    }
    if (id === "fields") return ok({ fields: ["metadata.plan", "metadata.name", "id", q.get("kind") === "user" ? "company_id" : "company_domain"] });
    if (id === "changes") {
      const of = (c: Change) => (!q.get("cohort") || c.cohort_id === q.get("cohort")) && (!q.get("company_id") || c.id === q.get("company_id")) && (!q.get("user_id") || c.id === q.get("user_id"));
      return ok({ changes: this.changes.filter(of), next: "" });
    }
    const cohort = this.list.find((c) => c.id === id);
    if (!cohort) return { status: 404, body: { status: 404, detail: "there is none with this id" } };
    if (part === "members") return ok({ members: this.members.get(id), next: "" });
    if (method === "DELETE") this.list = this.list.filter((c) => c !== cohort);
    if (method === "PUT") {
      Object.assign(cohort, draft);
      this.fill(cohort);
    }
    return ok(cohort);
  }

  standing(kind: CustomerKind, id: string): Standing {
    const of = this.list.filter((c) => (c.kind === "company") === (kind === "companies") && this.members.get(c.id)?.some((m) => m.id === id));
    return {
      cohorts: of.map((c) => ({ id: c.id, name: c.name, entered_at: c.created_at })),
      rules: of.map((c) => ({ id: "r" + c.id, name: `Slow down: ${c.name}`, block: true, status: 429, why: "cohort", cohort: c.id, some: false })),
    };
  }

  private add(draft: CohortDraft): Answer {
    if (draft.name === "refused") return { status: 422, body: { status: 422, detail: "this can not be a cohort: name: is refused" } };
    const at = new Date(this.now()).toISOString();
    const cohort: Cohort = { ...draft, id: `co_${++this.made}`, members: 0, sizes: [], created_at: at, updated_at: at, evaluated_at: at };
    this.list.push(cohort);
    this.fill(cohort);
    return { status: 201, body: cohort };
  }

  private fill(cohort: Cohort): void {
    const at = new Date(this.now()).toISOString();
    const found = this.find(cohort.kind, cohort.criteria.match, cohort.criteria.conditions).map((m) => ({ ...m, entered_at: at }));
    this.members.set(cohort.id, found);
    cohort.members = found.length;
    cohort.sizes = [{ t: at, members: found.length }];
    for (const m of found) {
      this.changes.unshift({ number: this.changes.length + 1, cohort_id: cohort.id, cohort_name: cohort.name, kind: cohort.kind, id: m.id, name: m.name, entered: true, edited: true, at });
    }
  }

  private find(kind: CohortKind, match: string, conditions: Condition[]): Member[] {
    const of = new Map<string, WireEvent[]>();
    for (const e of this.events()) {
      const id = kind === "company" ? e.company_id : e.user_id;
      if (id) of.set(id, [...(of.get(id) ?? []), e]);
    }
    const found = [...of].filter(([id, calls]) => (match === "all" ? conditions.every((c) => this.holds(c, id, calls)) : conditions.some((c) => this.holds(c, id, calls))));
    return found.sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, calls]) => ({ id, name: "", detail: "", company_id: "", entered_at: null, last_seen: calls.at(-1)?.request.time ?? null }));
  }

  private holds({ usage, attribute }: Condition, id: string, all: WireEvent[]): boolean {
    if (attribute) return attribute.field === "id" && (attribute.values ?? []).includes(id);
    if (!usage) return false;
    const calls = all.filter((e) => !usage.hours || Date.parse(e.request.time) >= this.now() - usage.hours * hour);
    const errors = calls.filter((e) => failed(statusOf(e))).length;
    const since = (e: WireEvent | undefined) => (e ? (this.now() - Date.parse(e.request.time)) / hour : NaN);
    const got = { calls: calls.length, events: calls.length, errors, error_rate: (100 * errors) / calls.length, since_last_call: since(all.at(-1)), since_first_call: since(all[0]) }[usage.measure];
    return { at_least: got >= usage.value, at_most: got <= usage.value, more_than: got > usage.value, less_than: got < usage.value, equal: got === usage.value }[usage.op];
  }
}

export function subscriptionsOf(company: string): Subscription[] {
  if (company === "initech") return [];
  return [
    {
      subscription_id: `sub_${company}`,
      status: "active",
      current_period_start: "2026-11-01T00:00:00Z",
      current_period_end: "2026-12-01T00:00:00Z",
      items: [{ plan_id: "growth", price_id: "growth-monthly", unit_of_measure: "calls" }],
      metadata: {},
      modified_at: "2026-11-01T00:00:00Z",
    },
  ];
}

function ok(body: unknown): Answer {
  return { status: 200, body };
}
