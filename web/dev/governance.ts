import type { Rule } from "../src/pages/governance/draft";
import type { WireEvent } from "../src/api/types";
import type { DryRun, Version } from "../src/pages/governance/queries";
import type { Answer } from "./mock.ts";

/** Governance rules over sample data: a dry run takes a rule's customers for all there is to it. */
export class Rules {
  private list: Rule[] = [];
  private readonly versions: Version[] = [];
  private made = 0;

  constructor(
    private readonly now: () => number,
    private readonly events: () => WireEvent[],
  ) {
    this.put("created", { ...blank, name: "Stopped paying", type: "company", state: "on", customers: [{ id: "initech", values: {} }], response: { status: 402, headers: {}, body: { error: "Your invoice is overdue" } } });
    this.put("created", { ...blank, name: "Large reports", state: "shadow", regex_config: [{ conditions: [{ path: "request.route", value: "^/reports" }] }] });
  }

  answer(method: string, rest: string | undefined, sent: unknown): Answer {
    const [id, part] = rest?.split("/") ?? [];
    if (id === undefined) return method === "POST" ? { status: 201, body: this.put("created", sent as Partial<Rule>) } : ok({ rules: this.list });
    if (id === "dry-run") return ok(this.dryRun(sent as Partial<Rule>));
    if (id === "preview") return ok(preview((sent as { rule: Partial<Rule> }).rule));
    if (id === "history") return ok({ versions: this.versions, next: 0 });
    if (id === "order") return this.order((sent as { rules: string[] }).rules);
    const rule = this.list.find((one) => one.id === id);
    if (part === "history") return ok({ versions: this.versions.filter((v) => v.rule_id === id), next: 0 });
    if (!rule) return { status: 404, body: { status: 404, detail: "there is none with this id" } };
    if (part === "dry-run") return ok(this.dryRun(rule));
    if (part === "revert") return { status: 501, body: { status: 501, detail: "the sample data keeps no earlier versions" } };
    if (method === "DELETE") {
      this.list = this.list.filter((one) => one !== rule);
      this.note("deleted", rule, false);
      return { status: 204, body: undefined };
    }
    return ok(method === "PUT" ? this.put("changed", { ...rule, ...(sent as Partial<Rule>) }) : rule);
  }

  private put(how: Version["how"], draft: Partial<Rule>): Rule {
    const at = new Date(this.now()).toISOString();
    const rule: Rule = { ...blank, created_at: at, state_since: at, ...draft, id: draft.id || `rule_${++this.made}`, updated_at: at };
    const place = this.list.findIndex((one) => one.id === rule.id);
    if (place < 0) this.list.push(rule);
    else this.list[place] = rule;
    this.note(how, rule, true);
    return rule;
  }

  private note(how: Version["how"], rule: Rule, exists: boolean): void {
    const version = 1 + this.versions.filter((v) => v.rule_id === rule.id).length;
    this.versions.unshift({ rule_id: rule.id, version, name: rule.name, state: rule.state, how, exists, who: "ada@example.com", at: new Date(this.now()).toISOString(), changes: [] });
  }

  private order(ids: string[]): Answer {
    this.list.sort((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id));
    return ok({ rules: this.list });
  }

  private dryRun(rule: Partial<Rule>): DryRun {
    const named = new Set(rule.customers?.map((one) => one.id));
    const all = this.events();
    const hit = all.filter((e) => rule.type === "regex" || named.has((rule.type === "company" ? e.company_id : e.user_id) ?? ""));
    const [companies, users] = [perCustomer(hit.map((e) => e.company_id)), perCustomer(hit.map((e) => e.user_id))];
    const from = all[0]?.request.time ?? new Date(this.now()).toISOString();
    return {
      applied: hit.length, already: 0, anonymous: 0, not_governed: 0, unknown: 0, reasons: [], blocks: rule.block ?? false, complete: true, looked: all.length,
      calls: hit.slice(-20).reverse(), companies, company_count: companies.length, users, user_count: users.length, from, reached: from, to: new Date(this.now()).toISOString(),
    };
  }
}

const blank: Rule = {
  id: "", name: "", type: "regex", cohort: "", state: "off", block: true, applied_to: "matching", applied_to_unidentified: false, variables: [], regex_config: [],
  response: { status: 429, headers: {}, body: { error: "Slow down" } }, customers: [], created_at: "", state_since: "", updated_at: "",
};

function preview(rule: Partial<Rule>): object {
  return { applies: true, blocked: rule.block ?? false, status: rule.response?.status ?? 200, headers: rule.response?.headers ?? {}, body: rule.response?.body };
}

function perCustomer(ids: (string | undefined)[]): { id: string; calls: number }[] {
  const calls = new Map<string, number>();
  for (const id of ids) if (id) calls.set(id, (calls.get(id) ?? 0) + 1);
  return [...calls].map(([id, n]) => ({ id, calls: n })).sort((a, b) => b.calls - a.calls);
}

function ok(body: unknown): Answer {
  return { status: 200, body };
}
