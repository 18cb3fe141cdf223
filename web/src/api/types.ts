// The words of the console API (/api/v1). Events are in the wire form of the
// collector (Moesif wire, 2.2).

export interface Session {
  signed_in: boolean;
  email: string;
  /** Signed in by the one-time token, and nobody has a password yet. */
  needs_password: boolean;
  version: string;
}

export interface App {
  id: string;
  name: string;
  application_id: string;
  created_at: string;
}

/** The books of one application: received = stored + duplicate + Σ rejected + Σ dropped + in_flight. */
export interface Books {
  app: string;
  received: number;
  stored: number;
  duplicate: number;
  rejected: Record<string, number>;
  dropped: Record<string, number>;
  in_flight: number;
}

export type HeaderMap = Record<string, string | string[]>;

export interface WireMessage {
  time: string;
  headers?: HeaderMap;
  body?: unknown;
  transfer_encoding?: string;
  ip_address?: string;
  content_length?: number;
}

export interface WireEvent {
  request: WireMessage & { uri: string; verb: string; api_version?: string };
  response?: WireMessage & { status: number };
  user_id?: string;
  company_id?: string;
  subscription_id?: string;
  session_token?: string;
  transaction_id: string;
  direction?: string;
  weight?: number;
  blocked_by?: string;
  metadata?: Record<string, unknown>;
}

export interface EventPage {
  events: WireEvent[];
  /** Cursor of the next, older page; "" at the end. */
  next: string;
}

export interface Point {
  t: string;
  calls: number;
  errors: number;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
}

export interface SeriesGroup {
  /** "" is "none given"; "(others)" sums the groups beyond the first ones. */
  key: string;
  calls: number;
  points: Point[];
}

export interface Series {
  from: string;
  to: string;
  interval_seconds: number;
  groups: SeriesGroup[];
}

export interface Totals {
  calls: number;
  errors: number;
  /** Share between 0 and 1. */
  error_rate: number;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
  last_seen: string | null;
}

export interface TopRow extends Totals {
  key: string;
}

export interface Top {
  from: string;
  to: string;
  by: string;
  total: Totals;
  rows: TopRow[];
}

export interface CustomerRow extends Totals {
  name?: string;
  first_seen: string | null;
}

export interface CompanyRow extends CustomerRow {
  company_id: string;
  domain?: string;
  users: number;
}

export interface UserRow extends CustomerRow {
  user_id: string;
  email?: string;
  company_id?: string;
}

export interface Profile {
  company_id?: string;
  user_id?: string;
  name?: string;
  email?: string;
  domain?: string;
  first_seen: string | null;
  last_seen: string | null;
  metadata?: Record<string, unknown>;
  users?: number;
}

export type GroupBy = "company" | "user" | "route" | "status" | "verb";
export type CustomerKind = "companies" | "users";
export type CustomerSort = "calls" | "-last_seen" | "last_seen" | "errors" | "p95_ms" | "name";
