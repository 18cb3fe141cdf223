import type { EventPage, WireEvent } from "../../api/types";
import { newestFirst } from "../../wire/event";

/** The calls on the screen and those that wait to get there, newest first. */
export interface Feed {
  shown: WireEvent[];
  /** Arrived while the screen was held still. */
  waiting: WireEvent[];
  /** Ids of calls after which the list has a hole: more arrived than was asked for. */
  gaps: ReadonlySet<string>;
  /** Cursor to what is older than the last call shown; "" at the end. */
  older: string;
  loaded: boolean;
}

/** The most calls kept; beyond it the oldest go. */
export const most = 1000;

export const emptyFeed: Feed = { shown: [], waiting: [], gaps: new Set(), older: "", loaded: false };

/** Takes in the newest calls. While held, new ones wait and the list stands still. */
export function arrive(feed: Feed, page: EventPage, held: boolean): Feed {
  if (!feed.loaded) {
    return { ...emptyFeed, shown: [...page.events].sort(newestFirst), older: page.next, loaded: true };
  }
  const known = new Set([...feed.shown, ...feed.waiting].map((e) => e.transaction_id));
  const fresh = page.events.filter((e) => !known.has(e.transaction_id));
  if (fresh.length === 0) return feed;

  let gaps = feed.gaps;
  const oldest = page.events.at(-1);
  if (fresh.length === page.events.length && page.next && known.size > 0 && oldest) {
    gaps = new Set([...gaps, oldest.transaction_id]);
  }
  const target = held ? "waiting" : "shown";
  const merged = [...fresh, ...feed[target]].sort(newestFirst);
  const next = { ...feed, gaps, [target]: merged.slice(0, most) };
  // What was cut off can be had again by its cursor no more: the end is the end.
  if (!held && merged.length > most) next.older = "";
  return next;
}

/** Lets in what waited. */
export function release(feed: Feed): Feed {
  if (feed.waiting.length === 0) return feed;
  const merged = [...feed.waiting, ...feed.shown].sort(newestFirst);
  return { ...feed, shown: merged.slice(0, most), waiting: [], older: merged.length > most ? "" : feed.older };
}

/** Adds a page of older calls at the end. */
export function extend(feed: Feed, page: EventPage): Feed {
  const known = new Set(feed.shown.map((e) => e.transaction_id));
  const shown = [...feed.shown, ...page.events.filter((e) => !known.has(e.transaction_id))].slice(0, most);
  return { ...feed, shown, older: shown.length < most ? page.next : "" };
}

/** Keeps what passes; for narrowing at once, until the server has answered. */
export function narrow(feed: Feed, passes: (e: WireEvent) => boolean): Feed {
  return { ...emptyFeed, shown: [...feed.waiting, ...feed.shown].sort(newestFirst).filter(passes) };
}

/** Calls per minute over the last minute of the list, each with its weight; undefined when too few to tell. */
export function pace(feed: Feed, now: number): number | undefined {
  const minute = 60_000;
  let calls = 0;
  for (const e of [...feed.waiting, ...feed.shown]) {
    if (now - Date.parse(e.request.time) < minute) calls += e.weight ?? 1;
  }
  return calls || undefined;
}
