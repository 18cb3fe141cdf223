import type { ErasurePreview } from "../api/types";
import { count } from "../format/number";
import type { Kind } from "./queries";

/** What an erasure leaves. The hash of the whole is that of the receipt's bytes. */
export interface Receipt {
  id: string;
  kind: Kind;
  customer_sha256: string;
  salt: string;
  requested_at: string;
  erased_at: string;
  rows: Record<string, number>;
  found_afterwards: Record<string, number>;
  remains: string[];
}

export function readReceipt(text: string): { receipt: Receipt; sha256: string } {
  return JSON.parse(text) as { receipt: Receipt; sha256: string };
}

const tables: Record<string, string> = {
  events: "Calls",
  bodies: "Calls that had bodies",
  actions: "Actions",
  rollups: "Rows of sums, now nobody's",
  users: "Profiles of users",
  companies: "Profiles of companies",
  "users.company_id": "Users that are of no company now",
  subscriptions: "Subscriptions",
  rule_customers: "Rules that named it",
  sample_rates: "Sampling rates",
  cohort_members: "Places in cohorts",
  cohort_changes: "Entries of who came and left",
};
const order = Object.keys(tables);

/** What was deleted, in words; tables in which there was nothing are left out. */
export function deletedRows(rows: Record<string, number>): { name: string; rows: number }[] {
  return Object.entries(rows)
    .filter(([, n]) => n > 0)
    .sort(([a], [b]) => place(a) - place(b))
    .map(([table, n]) => ({ name: tables[table] ?? table.replaceAll("_", " "), rows: n }));
}

function place(table: string): number {
  const at = order.indexOf(table);
  return at < 0 ? order.length : at;
}

/** A command that shows that a receipt is about an id: it prints customer_sha256. */
export function checkCommand(r: Receipt, id = "ID"): string {
  const quoted = `${r.salt}:${r.kind}:${id}`.replaceAll("'", `'\\''`);
  return `printf %s '${quoted}' | sha256sum`;
}

/** What would be deleted: "30 calls (28 with bodies), 1 action and the profile". */
export function wouldDelete(p: ErasurePreview): string {
  const parts = [];
  if (p.events > 0) parts.push(many(p.events, "call") + (p.bodies > 0 ? ` (${count(p.bodies)} with bodies)` : ""));
  if (p.actions > 0) parts.push(many(p.actions, "action"));
  if (p.profile) parts.push("the profile");
  const last = parts.pop();
  return parts.length ? `${parts.join(", ")} and ${last ?? ""}` : (last ?? "");
}

function many(n: number, word: string): string {
  return `${count(n)} ${word}${n === 1 ? "" : "s"}`;
}
