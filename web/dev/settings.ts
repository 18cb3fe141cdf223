import type { AuditEntry, Invitation, Person, Token, TokenScope } from "../src/api/types";

/** What the owner may do that is not among the scopes below. */
export const rightsOfPeople = ["cohorts:write", "charts:write", "charts:embed", "events:erase"];

export const scopes: TokenScope[] = [
  { scope: "apps:read", means: "See the applications and their books", role: "read-only", yours: true },
  { scope: "events:read", means: "See calls and usage", role: "read-only", yours: true },
  { scope: "events:erase", means: "Erase what is stored and say how long it is kept", role: "admin", yours: true },
  { scope: "rules:write", means: "Change governance rules and sampling", role: "admin", yours: true },
  { scope: "apps:write", means: "Create, change and revoke applications", role: "admin", yours: true },
  { scope: "people:write", means: "Invite, change and remove people", role: "admin", yours: true },
  { scope: "tokens:write", means: "Create and revoke API tokens", role: "admin", yours: true },
  { scope: "audit:read", means: "Read the audit log", role: "admin", yours: true },
  { scope: "owners:write", means: "Make and remove owners", role: "owner", yours: true },
];

const people: Person[] = [
  { id: "person_1", email: "ada@example.com", role: "owner", created_at: "2026-11-01T08:00:00Z", password: true, single_sign_on: false, you: true },
  { id: "person_2", email: "bob@example.com", role: "read-only", created_at: "2026-11-03T08:00:00Z", password: false, single_sign_on: true, you: false },
];
const invitations: Invitation[] = [
  { id: "invitation_1", email: "cyd@example.com", role: "analyst", created_at: "2026-11-20T08:00:00Z", expires_at: "2026-11-27T08:00:00Z" },
];
const tokens: Token[] = [
  { id: "token_1", name: "nightly export", scopes: ["events:read"], created_by: "ada@example.com", created_at: "2026-11-02T08:00:00Z", expires_at: null, last_used_at: null },
];
const entries: AuditEntry[] = [
  { id: 2, at: "2026-11-20T08:00:00Z", who_kind: "person", who_id: "person_1", who_name: "ada@example.com", address: "203.0.113.9", operation: "invite", target: "/invitations", app: "", notes: { email: "cyd@example.com", role: "analyst" } },
  { id: 1, at: "2026-11-02T08:00:00Z", who_kind: "person", who_id: "person_1", who_name: "ada@example.com", address: "203.0.113.9", operation: "add-token", target: "/tokens", app: "", notes: { name: "nightly export" } },
];

/** What Settings shows of the sample data. */
export const settings = { people: { people, invitations }, tokens: { tokens, scopes }, audit: { entries, next: "", kept_days: 400 } };
