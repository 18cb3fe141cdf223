import type { Erasure, WireEvent } from "../src/api/types";
import type { Answer } from "./mock.ts";

/** Erasures over sample data: each takes two seconds. */
export class Erasures {
  private readonly list: (Erasure & { until: number; calls: number })[] = [];

  constructor(
    private readonly now: () => number,
    private readonly erase: (kind: string, id: string) => number,
    private readonly calls: (kind: string, id: string) => WireEvent[],
  ) {}

  answer(method: string, rest: string | undefined, q: URLSearchParams, sent: unknown): Answer {
    const [id, part] = rest?.split("/") ?? [];
    for (const one of this.list) if (this.now() >= one.until) one.done_at ??= new Date(one.until).toISOString();
    if (id === "preview") {
      const calls = this.calls(q.get("kind") ?? "", q.get("id") ?? "");
      return { status: 200, body: { profile: calls.length > 0, events: calls.length, bodies: calls.filter((e) => e.response?.body).length, actions: 0, rollups: 0 } };
    }
    if (part === "receipt") return this.receipt(id ?? "");
    if (method !== "POST") return { status: 200, body: { erasures: this.list } };
    const who = sent as { kind: string; id: string };
    const made = { id: `erasure_${this.list.length + 1}`, kind: who.kind, requested_at: new Date(this.now()).toISOString(), done_at: null, problem: "", until: this.now() + 2000, calls: this.erase(who.kind, who.id) };
    this.list.unshift(made);
    return { status: 202, body: made };
  }

  private receipt(id: string): Answer {
    const one = this.list.find((e) => e.id === id);
    if (!one?.done_at) return { status: 409, body: { status: 409, detail: "it is not done yet" } };
    const receipt = {
      id, app: "app_1", kind: one.kind, customer_sha256: "9f2c".repeat(16), salt: "7Q3M5T2KX4WZ6BYR", requested_at: one.requested_at, erased_at: one.done_at,
      rows: { events: one.calls, users: 1 }, found_afterwards: {}, files: {}, remains: ["Backups that were made before hold the data until they are deleted."],
    };
    return { status: 200, body: { receipt, sha256: "41d7".repeat(16) } };
  }
}
