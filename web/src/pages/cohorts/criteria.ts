import type { AttributeCondition, Cohort, CohortKind, Condition, Criteria, UsageCondition } from "../../api/cohorts";
import { count } from "../../format/number";

export type Measure = UsageCondition["measure"];
export type UsageOp = UsageCondition["op"];
export type AttributeOp = AttributeCondition["op"];

export const measures: { value: Measure; label: string }[] = [
  { value: "calls", label: "Calls" },
  { value: "errors", label: "Errors" },
  { value: "error_rate", label: "Error rate" },
  { value: "since_last_call", label: "Time since the last call" },
  { value: "since_first_call", label: "Time since the first call" },
  { value: "events", label: "Stored events" },
];

export const usageOps: { value: UsageOp; label: string }[] = [
  { value: "at_least", label: "at least" },
  { value: "at_most", label: "at most" },
  { value: "more_than", label: "more than" },
  { value: "less_than", label: "less than" },
  { value: "equal", label: "exactly" },
];

export const attributeOps: { value: AttributeOp; label: string }[] = [
  { value: "is", label: "is one of" },
  { value: "is_not", label: "is none of" },
  { value: "contains", label: "contains" },
  { value: "greater", label: "is greater than" },
  { value: "less", label: "is less than" },
  { value: "exists", label: "is there" },
  { value: "not_exists", label: "is not there" },
];

export const isTime = (measure: Measure): boolean => measure === "since_last_call" || measure === "since_first_call";
export const takesValues = (op: AttributeOp): boolean => op !== "exists" && op !== "not_exists";
export const takesNumber = (op: AttributeOp): boolean => op === "greater" || op === "less";

/** A cohort is easier begun with an example than with nothing. */
export interface Example {
  name: string;
  about: string;
  conditions: Condition[];
}

const usage = (measure: Measure, op: UsageOp, value: number, hours = 0): Condition => ({ usage: { measure, op, value, hours } });

export const examples: Example[] = [
  { name: "Gone quiet", about: "called before, not for a week", conditions: [usage("since_last_call", "more_than", 7 * 24)] },
  { name: "Heavy users", about: "10,000 calls a week", conditions: [usage("calls", "at_least", 10_000, 7 * 24)] },
  { name: "In trouble", about: "every tenth call fails today", conditions: [usage("error_rate", "at_least", 10, 24), usage("calls", "at_least", 20, 24)] },
  { name: "New", about: "first call within a week", conditions: [usage("since_first_call", "less_than", 7 * 24)] },
  { name: "Never called", about: "known, but no call yet", conditions: [usage("calls", "equal", 0)] },
];

/** The criteria of an editor, when there is enough of them to ask about. */
export function complete(criteria: Criteria): Criteria | undefined {
  const ready = (c: Condition): boolean => {
    if (c.usage) return Number.isFinite(c.usage.value);
    if (!c.attribute?.field) return false;
    return !takesValues(c.attribute.op) || (c.attribute.values?.length ?? 0) > 0;
  };
  return criteria.conditions.length > 0 && criteria.conditions.every(ready) ? criteria : undefined;
}

/** A number of hours as people say it. */
export function hoursText(hours: number): string {
  if (hours > 0 && hours % 24 === 0) return hours === 24 ? "1 day" : `${count(hours / 24)} days`;
  return hours === 1 ? "1 hour" : `${figure(hours)} hours`;
}

const figure = (n: number): string => (Number.isInteger(n) ? count(n) : String(n));

/** A condition as a sentence: `calls at least 100 in the last 7 days on /orders`. */
export function sentence(c: Condition): string {
  if (c.usage) return usageSentence(c.usage);
  if (c.attribute) return attributeSentence(c.attribute);
  return "";
}

function usageSentence(u: UsageCondition): string {
  const name = measures.find((m) => m.value === u.measure)?.label ?? u.measure;
  const op = usageOps.find((o) => o.value === u.op)?.label ?? u.op;
  const value = isTime(u.measure) ? hoursText(u.value) : figure(u.value) + (u.measure === "error_rate" ? "%" : "");
  const window = u.hours ? ` in the last ${hoursText(u.hours)}` : isTime(u.measure) ? "" : " ever";
  const on = [...(u.verbs ?? []).map((v) => v.toUpperCase()), ...(u.routes ?? [])];
  const statuses = u.statuses?.length ? ` answered with ${or(u.statuses)}` : "";
  return `${name} ${op} ${value}${window}${on.length ? ` on ${or(on)}` : ""}${statuses}`;
}

function attributeSentence(a: AttributeCondition): string {
  const op = attributeOps.find((o) => o.value === a.op)?.label ?? a.op;
  const values = a.values ?? [];
  if (!takesValues(a.op)) return `${fieldName(a.field)} ${op}`;
  if (values.length === 1 && (a.op === "is" || a.op === "is_not")) return `${fieldName(a.field)} ${a.op === "is" ? "is" : "is not"} ${values[0]}`;
  return `${fieldName(a.field)} ${op} ${or(values)}`;
}

function or(words: string[]): string {
  return words.length > 1 ? `${words.slice(0, -1).join(", ")} or ${words.at(-1)}` : (words[0] ?? "");
}

const fieldNames: Record<string, string> = {
  id: "Id",
  company_id: "Company",
  company_domain: "Domain",
  ip_address: "IP address",
  user_agent_string: "User agent",
  "subscription.status": "Subscription status",
  "subscription.plan_id": "Plan",
};

/** A field's name as people read it: metadata.plan is plan. */
export function fieldName(field: string): string {
  return fieldNames[field] ?? field.replace(/^metadata\./, "");
}

export const kindNames: Record<CohortKind, { one: string; many: string; page: "users" | "companies" }> = {
  user: { one: "user", many: "users", page: "users" },
  company: { one: "company", many: "companies", page: "companies" },
};

export function howMany(kind: CohortKind, n: number): string {
  return `${count(n)} ${n === 1 ? kindNames[kind].one : kindNames[kind].many}`;
}

/** The size at `parts` instants from the cohort's begin, 30 days ago at most, until now. */
export function sizesOverTime(cohort: Pick<Cohort, "sizes" | "created_at" | "members">, now: Date, parts: number): { t: Date; members: number }[] {
  const begin = Math.max(Date.parse(cohort.created_at), now.getTime() - 30 * 86_400_000);
  const end = Math.max(now.getTime(), begin + 1);
  const steps = cohort.sizes.map((s) => ({ t: Date.parse(s.t), members: s.members }));
  const points = Array.from({ length: parts }, (_, i) => {
    const t = begin + ((end - begin) * i) / (parts - 1);
    const step = steps.filter((s) => s.t <= t).at(-1) ?? steps[0];
    return { t: new Date(t), members: step?.members ?? 0 };
  });
  const last = points.at(-1);
  if (last) last.members = cohort.members;
  return points;
}
