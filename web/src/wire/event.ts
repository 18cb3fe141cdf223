import type { HeaderMap, WireEvent } from "../api/types";

/** What masks put in the place of a value. */
export const mask = "*****";

/** What the gateway says about a call beyond Moesif's protocol (metadata.gatemeter). */
export interface Facts {
  /** The endpoint's pattern; absent when none matched. */
  route?: string;
  /** Whether the token that named the customer was validated. */
  identity?: "verified" | "claimed" | "none";
  /** Why the gateway itself answered; absent when the backend was asked. */
  refused?: string;
  /** The bodies that were sent shorter than they were. */
  cut: string[];
}

export function facts(e: WireEvent): Facts {
  const raw = e.metadata?.gatemeter;
  if (typeof raw !== "object" || raw === null) return { cut: [] };
  const { route, identity, refused, cut } = raw as Record<string, unknown>;
  return {
    route: text(route),
    refused: text(refused),
    identity: identity === "verified" || identity === "claimed" || identity === "none" ? identity : undefined,
    cut: Array.isArray(cut) ? cut.filter((name) => typeof name === "string") : [],
  };
}

/** The status of the answer; 0 when there was none. */
export function statusOf(e: WireEvent): number {
  return e.response?.status ?? 0;
}

/** A status of 400 and above, or no answer at all. */
export function failed(status: number): boolean {
  return status >= 400 || status === 0;
}

/** The address of a call, in parts; a client may send no more than a path. */
export interface Address {
  host: string;
  path: string;
  query: string;
}

export function addressOf(e: WireEvent): Address {
  const [, host = "", path = "", query = ""] = /^(?:[a-z][a-z0-9+.-]*:\/\/([^/?#]*))?([^?#]*)(\?[^#]*)?/i.exec(e.request.uri) ?? [];
  return { host, path: path || "/", query };
}

export function pathOf(e: WireEvent): string {
  return addressOf(e).path;
}

/** Milliseconds from the request to the end of the answer, with its microseconds. */
export function durationOf(e: WireEvent): number | null {
  if (!e.response?.time) return null;
  const ms = milliseconds(e.response.time) - milliseconds(e.request.time);
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}

/** An instant in milliseconds; Date.parse alone drops what is below one. */
export function milliseconds(time: string): number {
  const fraction = /\.(\d{3})(\d+)/.exec(time);
  return Date.parse(time) + (fraction ? Number("0." + fraction[2]) : 0);
}

/** Newest first; equal instants in the order of their ids, as the server lists them. */
export function newestFirst(a: WireEvent, b: WireEvent): number {
  const apart = milliseconds(b.request.time) - milliseconds(a.request.time);
  if (apart !== 0) return apart;
  return a.transaction_id < b.transaction_id ? 1 : a.transaction_id > b.transaction_id ? -1 : 0;
}

/** Header fields one by one; a name with several values comes several times. */
export function headerList(headers: HeaderMap | undefined): [string, string][] {
  return Object.entries(headers ?? {}).flatMap(([name, value]) =>
    [value].flat().map((one): [string, string] => [name, one]),
  );
}

export function headerValue(headers: HeaderMap | undefined, wanted: string): string {
  const found = headerList(headers).find(([name]) => name.toLowerCase() === wanted.toLowerCase());
  return found?.[1] ?? "";
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
