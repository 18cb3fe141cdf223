import { useSyncExternalStore } from "react";

// The address of a page lives behind the hash: "#/usage?range=7d&by=route".
// What is behind the hash is never sent to a server, so the one-time sign-in
// token of "#/sign-in?token=…" stays out of access logs.

/** Where the console is: the path's segments, decoded, and the query. */
export interface Location {
  path: string[];
  query: URLSearchParams;
}

/** Reads a hash such as "#/customers/companies/acme?range=7d". */
export function parseHash(hash: string): Location {
  const [path = "", query = ""] = split(hash.replace(/^#/, ""), "?");
  return {
    path: path.split("/").filter(Boolean).map(decode),
    query: new URLSearchParams(query),
  };
}

/** Builds a hash; empty values are left out so that addresses stay short. */
export function href(path: string[], query: URLSearchParams | Record<string, string | undefined> = {}): string {
  const entries = query instanceof URLSearchParams ? [...query] : Object.entries(query);
  const kept = new URLSearchParams();
  for (const [key, value] of entries) {
    if (value) kept.append(key, value);
  }
  const search = kept.toString();
  return "#/" + path.map(encodeURIComponent).join("/") + (search ? "?" + search : "");
}

/** Goes to a hash as a new step of the history. */
export function go(hash: string): void {
  if (hash !== window.location.hash) window.location.hash = hash;
}

/** Changes the address without a new step: for typing, paging, clean-up. */
export function replace(hash: string): void {
  if (hash === window.location.hash) return;
  window.history.replaceState(window.history.state, "", hash);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

/** The present query with some keys changed; undefined or "" removes a key. */
export function withQuery(at: Location, change: Record<string, string | undefined>): string {
  const query = new URLSearchParams(at.query);
  for (const [key, value] of Object.entries(change)) {
    if (value) query.set(key, value);
    else query.delete(key);
  }
  return href(at.path, query);
}

/** The present address; a component that uses it is drawn again on change. */
export function useLocation(): Location {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash);
  return parsed(hash);
}

function subscribe(changed: () => void): () => void {
  window.addEventListener("hashchange", changed);
  window.addEventListener("popstate", changed);
  return () => {
    window.removeEventListener("hashchange", changed);
    window.removeEventListener("popstate", changed);
  };
}

// One hash gives one object, so that effects and memos can depend on it.
let last: { hash: string; at: Location } | undefined;
function parsed(hash: string): Location {
  if (last?.hash !== hash) last = { hash, at: parseHash(hash) };
  return last.at;
}

function split(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
