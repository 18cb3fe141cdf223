import { describe, expect, it } from "vitest";
import type { Books, Point, Series, Top } from "../api/types";
import { chartOption, labelled } from "../charts/option";
import { groupColors, groupName } from "../charts/palette";
import { condense, longestPause, standing } from "./customers/standing";
import { balance } from "./pipeline/balance";
import { canDrill, drill } from "./usage/drill";
import { seriesCsv, topCsv } from "./usage/export";

const hour = 3_600_000;
const start = Date.UTC(2026, 10, 20);
const point = (i: number, calls: number): Point => ({ t: new Date(start + i * hour).toISOString(), calls, errors: 0, p50_ms: calls ? 10 : null, p95_ms: calls ? 20 : null, p99_ms: calls ? 30 : null });
const points = (...calls: number[]) => calls.map((n, i) => point(i, n));

describe("a customer's standing", () => {
  const steady = points(5, 5, 5, 5, 5, 5, 0, 0, 0, 0, 0, 0);
  const nightly = points(9, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0);
  const last = (i: number) => new Date(start + i * hour).toISOString();
  const now = (i: number) => new Date(start + i * hour);

  it("is stopped after a silence twice as long as any before", () => expect(standing(last(6), 30, steady, now(12))).toBe("stopped"));
  it("is active within its own habit, however long its pauses", () => expect(standing(last(6), 18, nightly, now(11))).toBe("active"));
  it("is quiet in between", () => expect(standing(last(6), 18, nightly, now(15))).toBe("quiet"));
  it("is active right after a call, and with too few calls to tell", () => {
    expect(standing(last(12), 30, steady, now(12))).toBe("active");
    expect(standing(last(1), 2, points(1, 1, 0, 0, 0, 0), now(6))).toBe("active");
  });
  it("is stopped without any call in the span", () => {
    expect(standing(last(0), 0, undefined, now(50))).toBe("stopped");
    expect(standing(null, 0, undefined, now(50))).toBe("stopped");
    expect(standing(last(0), 10, undefined, now(50))).toBe("active");
  });

  it("measures the longest pause between calls", () => {
    expect(longestPause(nightly)).toBe(6 * hour);
    expect(longestPause(points(0, 3, 0))).toBe(0);
  });

  it("condenses a series without losing a call", () => {
    expect(condense([1, 2, 3, 4, 5], 2)).toEqual([6, 9]);
    expect(condense([1, 2], 5)).toEqual([1, 2]);
  });
});

describe("the books", () => {
  const books: Books = { app: "a", received: 100, stored: 90, duplicate: 4, rejected: { too_old: 2, odd_reason: 1 }, dropped: {}, deleted: {}, in_flight: 3 };

  it("balance when every call is accounted for", () => {
    const { lines, sum, difference } = balance(books);
    expect([sum, difference]).toEqual([100, 0]);
    expect(lines.map((line) => line.name)).toContain("Rejected, odd reason");
  });

  it("tell the difference when not", () => {
    expect(balance({ ...books, stored: 88 }).difference).toBe(2);
    expect(balance({ ...books, dropped: { full: 5 } }).difference).toBe(-5);
  });
});

describe("drilling down", () => {
  it("filters by the group and groups by what has no filter yet", () => {
    expect(drill({}, "company", "acme")).toEqual({ filters: { company: "acme" }, by: "route" });
    expect(drill({ company: "acme" }, "route", "/x")).toEqual({ filters: { company: "acme", route: "/x" }, by: "user" });
    expect(drill({ company: "a", route: "r", user: "u", status: "200" }, "verb", "GET").by).toBe("verb");
  });

  it("can't go into a sum of groups or into nobody", () => {
    expect(canDrill("(others)", "company")).toBe(false);
    expect(canDrill("", "company")).toBe(false);
    expect(canDrill("acme", undefined)).toBe(false);
    expect(canDrill("acme", "company")).toBe(true);
  });
});

const series: Series = {
  from: "", to: "", interval_seconds: 3600,
  groups: [{ key: "<img src=x>", calls: 3, points: points(1, 2, 0) }, { key: "(others)", calls: 1, points: points(0, 1, 0) }],
};

describe("charts", () => {
  const option = (more: object) => chartOption({ series, by: "company", metric: "calls", quantile: "p95", color: (name) => name, ...more }) as {
    series: { name: string; type: string; color: string; data: (number | null)[] }[];
    tooltip: { formatter: (points: { dataIndex: number }[]) => HTMLElement };
  };

  it("pile up calls and draw latencies as lines with holes where nobody called", () => {
    expect(option({}).series.map((s) => [s.name, s.type, s.color, s.data])).toEqual([
      ["<img src=x>", "bar", "--series-0", [1, 2, 0]],
      ["(others)", "bar", "--series-others", [0, 1, 0]],
    ]);
    expect(option({ metric: "latency" }).series[0]).toMatchObject({ type: "line", data: [20, 20, null] });
  });

  it("show three percentiles where there are no groups", () => {
    expect(option({ metric: "latency", by: undefined }).series.map((s) => s.name)).toEqual(["p50", "p95", "p99"]);
  });

  it("never read a group's name as markup", () => {
    const tip = option({}).tooltip.formatter([{ dataIndex: 1 }]);
    expect(tip.querySelector("img")).toBeNull();
    expect(tip.textContent).toContain("<img src=x>");
  });

  it("label round instants only", () => {
    const times = Array.from({ length: 24 }, (_, i) => new Date(2026, 10, 22, i).getTime());
    const label = labelled(times, hour, 24 * hour);
    expect(times.map((_, i) => i).filter(label)).toEqual([0, 3, 6, 9, 12, 15, 18, 21]);
  });

  it("give statuses the colour of their class", () => {
    const colors = groupColors([{ key: "200" }, { key: "404" }, { key: "503" }, { key: "0" }], "status");
    expect([...colors.values()]).toEqual(["--series-0", "--series-2", "--bad", "--bad"]);
    expect([groupName("", "company"), groupName("0", "status"), groupName("", undefined)]).toEqual(["no company", "no answer", "All calls"]);
  });
});

describe("exports", () => {
  const total = { calls: 3, errors: 1, error_rate: 1 / 3, p50_ms: 10, p95_ms: null, p99_ms: null, last_seen: null };
  const top: Top = { from: "", to: "", by: "company", total, rows: [{ key: "acme", ...total }] };

  it("hold the table with what was before", () => {
    expect(topCsv(top, { ...top, rows: [{ key: "acme", ...total, calls: 2 }] }).split("\r\n")[1]).toBe("acme,3,2,1,0.3333333333333333,10,,,");
  });

  it("hold a row for each group and interval", () => {
    const lines = seriesCsv(series, "company").trimEnd().split("\r\n");
    expect(lines).toHaveLength(7);
    expect(lines[1]).toBe("2026-11-20T00:00:00.000Z,<img src=x>,1,0,10,20,30");
  });
});
