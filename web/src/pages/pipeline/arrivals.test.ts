import { describe, expect, it } from "vitest";
import { delay, pile, rangeOf, silent, type Interval, type Source } from "./arrivals";

describe("arrivals", () => {
  it("says delays as the steps they are", () => {
    expect([null, 0.25, 5, 300, 14_400].map(delay)).toEqual(["–", "≤ 250 ms", "≤ 5 s", "≤ 5 min", "≤ 4 h"]);
  });

  it("piles up what came in, and nothing when nothing did", () => {
    const one = { received: 10, duplicate: 2, rejected: 3 } as Interval;
    expect(pile(one, 20)).toEqual({ fresh: 25, twice: 10, refused: 15 });
    expect(pile({ received: 0, duplicate: 0, rejected: 0 } as Interval, 0)).toEqual({ fresh: 0, twice: 0, refused: 0 });
  });

  it("knows who fell silent", () => {
    const now = new Date("2026-11-28T12:00:00Z");
    expect(silent({ last_seen: "2026-11-28T11:58:00Z" } as Source, now)).toBe(false);
    expect(silent({ last_seen: "2026-11-28T11:54:00Z" } as Source, now)).toBe(true);
  });

  it("reads only ranges there are", () => expect([rangeOf("7d"), rangeOf("1y"), rangeOf(null)]).toEqual(["7d", "1h", "1h"]));
});
