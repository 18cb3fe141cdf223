import { getJson } from "../../api/client";
import type { CustomerKind, Profile } from "../../api/types";
import type { Customer, Draft } from "./draft";

/** How many profiles are read at once for one click, at most. */
export const mostProfiles = 200;

/**
 * The value at a merge tag's path in a profile, as text: "name", "company_id", or
 * "body.plan" (also "metadata.plan") for what was sent about the customer; "" when
 * there is none. A key with dots is found too.
 */
export function valueAt(profile: Profile, path: string): string {
  const within = /^(?:body|metadata)\.(.+)$/s.exec(path)?.[1];
  return within === undefined ? text((profile as Record<string, unknown>)[path]) : walk(profile.metadata, within);
}

function walk(value: unknown, path: string): string {
  if (typeof value !== "object" || value === null) return "";
  const object = value as Record<string, unknown>;
  if (Object.hasOwn(object, path)) return text(object[path]);
  for (let dot = path.indexOf("."); dot > 0; dot = path.indexOf(".", dot + 1)) {
    const key = path.slice(0, dot);
    if (!Object.hasOwn(object, key)) continue;
    const found = walk(object[key], path.slice(dot + 1));
    if (found) return found;
  }
  return "";
}

function text(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The customers with the values they lack taken from their profiles. */
export async function filled(app: string, draft: Draft): Promise<Customer[]> {
  const kind: CustomerKind = draft.who === "users" ? "users" : "companies";
  const lacking = draft.customers.filter((c) => draft.tags.some((tag) => !c.values[tag.name])).slice(0, mostProfiles);
  const profiles = new Map<string, Profile>();
  for (const c of lacking) {
    try {
      profiles.set(c.id, await getJson<Profile>(`/${kind}/${encodeURIComponent(c.id)}`, { app }));
    } catch {
      // Nothing is known of this one.
    }
  }
  return draft.customers.map((c) => {
    const profile = profiles.get(c.id);
    if (!profile) return c;
    const values = { ...c.values };
    for (const tag of draft.tags) values[tag.name] ||= valueAt(profile, tag.path);
    return { ...c, values };
  });
}
