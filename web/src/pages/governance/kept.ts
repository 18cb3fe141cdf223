import type { Draft } from "./draft";

// What was typed and not saved is kept in this tab's storage, so that a wrong
// click, back or a reload does not lose it.

const key = (app: string, id: string) => `gatemeter.draft.${app}.${id || "new"}`;

interface Kept {
  draft: Draft;
  /** updated_at of the rule it was made from; "" for a new one. */
  of: string;
}

export function keptDraft(app: string, id: string): Kept | undefined {
  try {
    const text = sessionStorage.getItem(key(app, id));
    return text ? (JSON.parse(text) as Kept) : undefined;
  } catch {
    return undefined;
  }
}

export function keepDraft(app: string, id: string, kept: Kept): void {
  try {
    sessionStorage.setItem(key(app, id), JSON.stringify(kept));
  } catch {
    // Storage is full or forbidden: closing the tab still asks.
  }
}

export function dropDraft(app: string, id: string): void {
  sessionStorage.removeItem(key(app, id));
}
