import type { AuditEntry } from "../../api/types";

// What the operations of the API do, in words.
const phrases: Record<string, string> = {
  "sign-in": "Signed in",
  "sign-in-oidc": "Signed in with single sign-on",
  "sign-out": "Signed out",
  "change-me": "Set own e-mail and password",
  join: "Accepted an invitation",
  invite: "Invited somebody",
  uninvite: "Took an invitation back",
  "change-role": "Changed a role",
  "remove-person": "Removed a person",
  "add-app": "Created an application",
  "change-app": "Changed an application",
  "rotate-app": "Made a new application id",
  "end-old-ids": "Ended old application ids",
  "revoke-app": "Revoked an application",
  "add-token": "Created an API token",
  "revoke-token": "Revoked an API token",
  "add-rule": "Added a rule",
  "change-rule": "Changed a rule",
  "delete-rule": "Deleted a rule",
  "request-erasure": "Erased a customer",
  "change-retention": "Changed how long data is kept",
  "change-config": "Changed sampling and block lists",
};

/** What was done; an operation without words is named as it is. */
export function phrase(entry: AuditEntry): string {
  const words = phrases[entry.operation] ?? entry.operation.replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What else is known of it, and what it was done to. */
export function told(entry: AuditEntry): string {
  const notes = Object.entries(entry.notes).map(([name, value]) => `${name} ${value}`);
  return [...notes, entry.target].join(" · ");
}
