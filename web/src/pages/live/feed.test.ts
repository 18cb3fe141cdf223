import { describe, expect, it } from "vitest";
import type { EventPage, WireEvent } from "../../api/types";
import { arrive, emptyFeed, extend, most, narrow, pace, release } from "./feed";

const call = (second: number): WireEvent => ({
  request: { time: new Date(Date.UTC(2026, 10, 22, 10, 0, second)).toISOString(), uri: "/", verb: "GET" },
  transaction_id: String(second).padStart(6, "0"),
});
const page = (from: number, to: number, next = ""): EventPage => {
  const events: WireEvent[] = [];
  for (let second = to; second >= from; second--) events.push(call(second));
  return { events, next };
};
const ids = (events: WireEvent[]) => events.map((e) => Number(e.transaction_id));

describe("the live feed", () => {
  it("puts new calls on top and never shows one twice", () => {
    const feed = arrive(arrive(emptyFeed, page(1, 3, "c"), false), page(2, 5, "c"), false);
    expect(ids(feed.shown)).toEqual([5, 4, 3, 2, 1]);
    expect(feed.older).toBe("c");
  });

  it("stands still while held, and lets everything in afterwards", () => {
    const first = arrive(emptyFeed, page(1, 3), false);
    const held = arrive(arrive(first, page(2, 5), true), page(2, 6), true);
    expect(held.shown).toBe(first.shown);
    expect(ids(held.waiting)).toEqual([6, 5, 4]);
    expect(ids(release(held).shown)).toEqual([6, 5, 4, 3, 2, 1]);
    expect(release(held).waiting).toEqual([]);
  });

  it("sorts in a call that began earlier and arrived later", () => {
    const feed = arrive(arrive(emptyFeed, { events: [call(9), call(1)], next: "" }, false), { events: [call(9), call(5)], next: "" }, false);
    expect(ids(feed.shown)).toEqual([9, 5, 1]);
  });

  it("marks where more arrived than was asked for", () => {
    const first = arrive(emptyFeed, page(1, 3), false);
    const jumped = arrive(first, page(100, 110, "more"), false);
    expect([...jumped.gaps]).toEqual([call(100).transaction_id]);
    expect(arrive(first, page(100, 110, ""), false).gaps.size).toBe(0);
    expect(arrive(first, page(3, 10, "more"), false).gaps.size).toBe(0);
  });

  it("returns itself when nothing is new, so that nothing is drawn again", () => {
    const feed = arrive(emptyFeed, page(1, 3), false);
    expect(arrive(feed, page(1, 3), false)).toBe(feed);
    expect(release(feed)).toBe(feed);
  });

  it("adds older calls at the end, once", () => {
    const feed = extend(arrive(emptyFeed, page(5, 6, "c"), false), page(3, 5, "d"));
    expect(ids(feed.shown)).toEqual([6, 5, 4, 3]);
    expect(feed.older).toBe("d");
  });

  it("keeps a bounded number of calls", () => {
    const full = arrive(emptyFeed, page(1, most + 50, "c"), false);
    const more = arrive(full, page(most + 40, most + 60, "c"), false);
    expect(more.shown).toHaveLength(most);
    expect(more.older).toBe("");
    expect(arrive(more, page(most + 61, 3 * most), true).waiting).toHaveLength(most);
  });

  it("narrows at once what is there, waiting calls included", () => {
    const held = arrive(arrive(emptyFeed, page(1, 3), false), page(4, 6), true);
    const narrowed = narrow(held, (e) => Number(e.transaction_id) % 2 === 0);
    expect(ids(narrowed.shown)).toEqual([6, 4, 2]);
    expect(narrowed.loaded).toBe(false);
  });

  it("tells the pace by the weights of the last minute", () => {
    const feed = { ...emptyFeed, shown: [{ ...call(100), weight: 10 }, call(95)], waiting: [call(101)] };
    expect(pace(feed, Date.parse(call(110).request.time))).toBe(12);
    expect(pace(feed, Date.parse(call(1000).request.time))).toBeUndefined();
  });
});
