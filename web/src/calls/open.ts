import { go, parseHash, replace, withQuery } from "../url/location";

// The open call is part of the address: it can be shared, and back closes it.

export function callHref(id: string): string {
  return withQuery(parseHash(window.location.hash), { call: id });
}

/** Opens a call; going from one open call to the next is no step of the history. */
export function openCall(id: string): void {
  const at = parseHash(window.location.hash);
  (at.query.has("call") ? replace : go)(withQuery(at, { call: id }));
}

export function closeCall(): void {
  go(withQuery(parseHash(window.location.hash), { call: undefined }));
}

/** The id of a call's row in the page. */
export function rowId(id: string): string {
  return "call-" + id;
}
