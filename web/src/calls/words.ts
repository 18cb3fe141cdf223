/** Why the gateway itself answered, as people say it. */
export const refusals: Record<string, string> = {
  unauthenticated: "Not authenticated",
  forbidden: "Forbidden",
  rate_limited: "Rate limited",
  quota: "Over quota",
  blocked: "Blocked",
  not_found: "No such route",
  method_not_allowed: "Method not allowed",
};

/** What is known about who called. */
export const identities = {
  verified: { name: "Verified", means: "The gateway validated the token that names the customer." },
  claimed: { name: "Claimed", means: "The token that names the customer was read, but not validated. Bills can leave such calls out." },
  none: { name: "Nobody", means: "Nothing in the call names a customer." },
} as const;
