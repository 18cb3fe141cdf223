import type { WireEvent } from "../api/types";
import { pathOf, facts, statusOf } from "../wire/event";

/** What narrows a list of calls. An absent field does not narrow. */
export interface Filters {
  user?: string;
  company?: string;
  route?: string;
  verb?: string;
  path?: string;
  /** A code ("404") or a class ("4xx"). */
  status?: string;
  /** Free text, searched by the server in address and ids. */
  q?: string;
  /** Only calls that failed: status 400 and above, or no answer. */
  errors?: boolean;
}

/** The fields that hold one exact value, in the order chips are shown. */
export const fields = ["company", "user", "route", "path", "verb", "status"] as const;
export type Field = (typeof fields)[number];

/** A field's name as people read it. */
export const labels: Record<Field, string> = {
  company: "Company",
  user: "User",
  route: "Route",
  path: "Path",
  verb: "Verb",
  status: "Status",
};

const aliases: Record<string, Field> = {
  company: "company",
  company_id: "company",
  customer: "company",
  user: "user",
  user_id: "user",
  route: "route",
  path: "path",
  verb: "verb",
  method: "verb",
  status: "status",
};

export function filtersFromQuery(query: URLSearchParams): Filters {
  const found: Filters = {};
  for (const field of fields) {
    const value = normalize(field, query.get(field) ?? "");
    if (value) found[field] = value;
  }
  const q = query.get("q");
  if (q) found.q = q;
  if (query.get("errors") === "1") found.errors = true;
  return found;
}

/** The keys of the address for f; undefined where a key must go. */
export function queryOfFilters(f: Filters): Record<string, string | undefined> {
  const query: Record<string, string | undefined> = { q: f.q, errors: f.errors ? "1" : undefined };
  for (const field of fields) query[field] = f[field];
  return query;
}

/** The parameters of the console API for f. */
export function apiParams(f: Filters): Record<string, string | undefined> {
  return {
    company_id: f.company,
    user_id: f.user,
    route: f.route,
    path: f.path,
    verb: f.verb,
    status: f.status,
    q: f.q,
    errors: f.errors ? "true" : undefined,
  };
}

export function isEmpty(f: Filters): boolean {
  return !f.q && !f.errors && fields.every((field) => !f[field]);
}

/**
 * Reads what was typed into the filter: `company:acme status:5xx "GET /x"`.
 * Words of the form field:value become filters; the rest is free text. A value
 * with spaces is quoted.
 */
export function parseTyped(typed: string): { filters: Filters; rest: string } {
  const filters: Filters = {};
  const rest: string[] = [];
  for (const match of typed.matchAll(/(?:([A-Za-z_]+):)?(?:"([^"]*)"|(\S+))/g)) {
    const name = match[1]?.toLowerCase() ?? "";
    const raw = match[2] ?? match[3] ?? "";
    const field = aliases[name];
    const value = field ? normalize(field, raw) : "";
    if (field && value) filters[field] = value;
    else if (name === "is" && /^errors?$/i.test(raw)) filters.errors = true;
    else rest.push(match[0]);
  }
  return { filters, rest: rest.join(" ") };
}

/** Brings a value to the form the API knows; "" when it can't be one. */
export function normalize(field: Field, value: string): string {
  const text = value.trim();
  if (field === "verb") return text.toUpperCase();
  if (field !== "status") return text;
  const status = text.toLowerCase();
  return /^([1-5]xx|\d{1,3})$/.test(status) ? status : "";
}

/**
 * Tells whether a call on the screen passes f, for narrowing at once what is
 * already there; the server's answer follows and has the last word.
 */
export function passes(e: WireEvent, f: Filters): boolean {
  const status = statusOf(e);
  if (f.errors && status > 0 && status < 400) return false;
  if (f.company && e.company_id !== f.company) return false;
  if (f.user && e.user_id !== f.user) return false;
  if (f.verb && e.request.verb !== f.verb) return false;
  if (f.path && pathOf(e) !== f.path) return false;
  // A foreign client sends no route; the server guesses one that is not in the event.
  const route = facts(e).route;
  if (f.route && route && route !== f.route) return false;
  if (f.status && !statusMatches(status, f.status)) return false;
  return true;
}

function statusMatches(status: number, wanted: string): boolean {
  return wanted.endsWith("xx") ? Math.floor(status / 100) === Number(wanted[0]) : status === Number(wanted);
}
