// A rule as it is edited: in the words of the page, not of the wire. What the page
// cannot say is kept and sent back as it was.
import type { components } from "../../api/schema";
import { fault, fromWire, inWords, toWire, type Condition } from "./condition";

export type Rule = Omit<components["schemas"]["Rule"], "response"> & { response: { status: number; headers: Record<string, string>; body?: unknown } };
export type RuleState = Rule["state"];
export type Customer = { id: string; values: Record<string, string> };

/** Whom a rule is for. */
export type Who = "everyone" | "users" | "companies" | "unidentified";

export interface Draft {
  name: string;
  who: Who;
  /** All but the customers that are named. */
  except: boolean;
  /** Also callers of whom no user (company) is known. */
  unidentified: boolean;
  customers: Customer[];
  /** Id of the cohort whose members are the customers, "" for the ones named here. */
  cohort: string;
  /** All conditions of one group; any of the groups. */
  groups: Condition[][];
  block: boolean;
  status: number;
  headers: { name: string; value: string }[];
  /** JSON text. */
  body: string;
  tags: { name: string; path: string }[];
}

export const emptyBody = '{\n  "error": "This is not part of your plan"\n}';

export function newDraft(): Draft {
  return { name: "", who: "everyone", except: false, unidentified: false, customers: [], cohort: "", groups: [], block: true, status: 403, headers: [], body: emptyBody, tags: [] };
}

export function draftOf(rule: Rule): Draft {
  return {
    name: rule.name,
    who: whoOf(rule),
    except: rule.applied_to === "not_matching",
    unidentified: rule.applied_to_unidentified,
    customers: rule.customers.map((c) => ({ id: c.id, values: c.values ?? {} })),
    cohort: rule.cohort,
    groups: rule.regex_config.map((group) => group.conditions.map(fromWire)),
    block: rule.block,
    status: rule.response.status || 429,
    headers: Object.entries(rule.response.headers).map(([name, value]) => ({ name, value })),
    body: JSON.stringify(rule.response.body ?? {}, null, 2),
    tags: rule.variables.map((v) => ({ ...v })),
  };
}

function whoOf(rule: Rule): Who {
  if (rule.type === "regex") return "everyone";
  if (rule.applied_to_unidentified && rule.applied_to === "matching" && rule.customers.length === 0 && rule.cohort === "" && rule.type === "user") return "unidentified";
  return rule.type === "company" ? "companies" : "users";
}

/** The rule as the API takes it. The body must be JSON: see faults. */
export function ruleOf(d: Draft, state?: RuleState): Record<string, unknown> {
  const chosen = d.who === "users" || d.who === "companies";
  const names = new Set(d.tags.map((tag) => tag.name));
  return {
    name: d.name,
    state,
    type: d.who === "everyone" ? "regex" : d.who === "companies" ? "company" : "user",
    block: d.block,
    applied_to: chosen && d.except ? "not_matching" : "matching",
    applied_to_unidentified: d.who === "unidentified" || (chosen && d.unidentified),
    variables: d.tags,
    regex_config: d.groups.map((group) => ({ conditions: group.map(toWire) })),
    response: {
      status: d.status,
      headers: Object.fromEntries(d.headers.filter((h) => h.name.trim() !== "").map((h) => [h.name.trim(), h.value])),
      body: JSON.parse(d.body.trim() || "{}") as unknown,
    },
    cohort: chosen ? d.cohort : "",
    customers: chosen && d.cohort === "" ? d.customers.map((c) => ({ id: c.id, values: Object.fromEntries(Object.entries(c.values).filter(([name, value]) => names.has(name) && value !== "")) })) : [],
  };
}

/** What keeps a draft from being saved, by the part of the page it belongs to. */
export function faults(d: Draft): { part: "name" | "who" | "when" | "what"; text: string }[] {
  const list: ReturnType<typeof faults> = [];
  if (d.name.trim() === "") list.push({ part: "name", text: "Give the rule a name" });
  d.groups.flat().forEach((c) => {
    const text = fault(c);
    if (text) list.push({ part: "when", text });
  });
  try {
    JSON.parse(d.body.trim() || "{}");
  } catch {
    list.push({ part: "what", text: "The body is not valid JSON" });
  }
  if (!(d.status >= 200 && d.status <= 999)) list.push({ part: "what", text: "The status must be between 200 and 999" });
  if (new Set(d.tags.map((tag) => tag.name)).size < d.tags.length || d.tags.some((tag) => tag.name.trim() === "" || tag.path.trim() === "")) {
    list.push({ part: "what", text: "Each merge tag needs a name of its own, and where its value comes from" });
  }
  return list;
}

/** The message of the simplest kind of body, {"error": "…"}; undefined when it is another. */
export function messageOf(body: string): string | undefined {
  try {
    const value = JSON.parse(body) as unknown;
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    const entries = Object.entries(value);
    const [only] = entries;
    return entries.length === 1 && only?.[0] === "error" && typeof only[1] === "string" ? only[1] : undefined;
  } catch {
    return undefined;
  }
}

export function bodyWith(message: string): string {
  return JSON.stringify({ error: message }, null, 2);
}

/** "Blocks with 403: companies acme and bolt, when the path begins with “/orders”." */
export function sentence(d: Draft): string {
  const what = d.block ? `Answers ${d.status}` : d.headers.length > 0 ? "Adds " + list(d.headers.map((h) => h.name)) : "Does nothing";
  const when = d.groups.map((group) => (group.length === 0 ? "always" : group.map(inWords).join(" and "))).join(", or when ");
  return `${what} for ${whoInWords(d)}${when === "" ? "" : when === "always" ? "" : ", when " + when}`;
}

export function whoInWords(d: Draft): string {
  if (d.who === "everyone") return "everybody";
  if (d.who === "unidentified") return "callers who are not identified";
  const kind = d.who;
  if (d.cohort !== "") {
    const members = d.except ? `all ${kind} except a cohort's members` : `the ${kind} in a cohort`;
    return d.unidentified ? `${members}, and callers who are not identified` : members;
  }
  const names = d.customers.length === 0 ? "nobody yet" : d.customers.length > 3 ? `${d.customers.length.toLocaleString("en")} ${kind}` : list(d.customers.map((c) => c.id));
  const chosen = d.except ? (d.customers.length === 0 ? `all ${kind}` : `all ${kind} except ${names}`) : names;
  if (!d.unidentified) return chosen;
  return d.except || d.customers.length > 0 ? `${chosen}, and callers who are not identified` : "callers who are not identified";
}

export function list(names: string[]): string {
  if (names.length < 2) return names.join("");
  return names.slice(0, -1).join(", ") + " and " + (names.at(-1) ?? "");
}

/** The three steps in which a gateway applies rules, in this order. */
export const stages = ["regex", "company", "user"] as const;

export const stageNames: Record<Rule["type"], string> = { regex: "For whoever calls", company: "For companies", user: "For users" };
