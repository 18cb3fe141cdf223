import { describe, expect, it } from "vitest";
import { toCsv } from "./csv";
import { bytes, change, compact, latency, percent, standsOut } from "./number";
import { ago, clock, length, tick, utc } from "./time";

const plain = (text: string) => text.replaceAll("\u00a0", " ");

describe("numbers", () => {
  it.each([
    [0, "0"], [7, "7"], [999, "999"], [9999, "9,999"], [10_000, "10.0k"], [12_345, "12.3k"], [999_499, "999k"],
    [1_234_567, "1.23M"], [45_600_000, "45.6M"], [2_000_000_000, "2.00B"], [-12_345, "-12.3k"],
  ])("shortens %d to %s", (n, text) => expect(compact(n)).toBe(text));

  it.each([
    [0, "0%"], [0.00001, "<0.01%"], [0.0042, "0.42%"], [0.05, "5.0%"], [0.123, "12.3%"], [0.9996, ">99.9%"], [1, "100%"],
  ])("writes the share %d as %s", (share, text) => expect(percent(share)).toBe(text));

  it.each([
    [null, "–"], [undefined, "–"], [Number.NaN, "–"], [0, "0 ms"], [0.42, "0.42 ms"], [4.26, "4.3 ms"], [12.4, "12 ms"],
    [999.4, "999 ms"], [1240, "1.24 s"], [42_000, "42.0 s"], [300_000, "5 min"],
  ])("writes a latency of %d ms as %s", (ms, text) => expect(plain(latency(ms))).toBe(text));

  it.each([
    [undefined, "–"], [-1, "–"], [0, "0 B"], [999, "999 B"], [1530, "1.53 kB"], [450_000, "450 kB"], [2_500_000, "2.50 MB"],
  ])("writes a size of %d bytes as %s", (n, text) => expect(plain(bytes(n))).toBe(text));

  it.each([
    [0, 0, undefined], [5, undefined, undefined], [5, 0, "new"], [112, 100, "+12%"], [60, 100, "−40%"], [100, 100, "±0%"],
    [0, 10, "−100%"], [1200, 100, "×12.0"],
  ])("tells the change from %d against %d", (now, before, text) => expect(change(now, before)).toBe(text));

  it("lets a share of failures stand out only against all calls", () => {
    expect(standsOut(0.06, 0.01)).toBe(true);
    expect(standsOut(0.06, 0.05)).toBe(false);
    expect(standsOut(0.03, 0.001)).toBe(false);
  });
});

describe("times", () => {
  const at = new Date(2026, 10, 22, 14, 3, 27, 81);

  it("shows the reader's clock with milliseconds, and UTC on demand", () => {
    expect(clock(at)).toBe("14:03:27.081");
    expect(utc(new Date("2026-11-22T13:03:27.081Z"))).toBe("2026-11-22 13:03:27.081 UTC");
  });

  it.each([
    [0, "just now"], [9_000, "just now"], [40_000, "40 s ago"], [300_000, "5 min ago"], [7_200_000, "2 h ago"], [172_800_000, "2 d ago"],
  ])("tells that something was %d ms ago", (ms, text) => expect(ago(at, new Date(at.getTime() + ms))).toBe(text));

  it("tells a length in one unit", () => expect(length(36 * 3_600_000)).toBe("2 d"));

  it("labels midnights by day and hours by hour", () => {
    const hour = 3_600_000;
    expect(tick(new Date(2026, 10, 22), hour, 24 * hour)).toBe("22 Nov");
    expect(tick(new Date(2026, 10, 22, 6), hour, 24 * hour)).toBe("06:00");
    expect(tick(new Date(2026, 10, 22, 6, 0, 30), 10_000, hour)).toBe("06:00:30");
  });
});

describe("CSV", () => {
  it("quotes what needs it and ends lines as RFC 4180 says", () => {
    expect(toCsv(["a", "b"], [["x,y", 'say "hi"'], ["line\nbreak", 1.5]])).toBe('a,b\r\n"x,y","say ""hi"""\r\n"line\nbreak",1.5\r\n');
  });

  it.each(["=1+1", "+1", "-1", "@SUM(A1)", "\tx"])("disarms the formula %s", (text) => {
    expect(toCsv(["a"], [[text]])).toBe(`a\r\n'${text}\r\n`);
  });

  it("disarms a formula that needs quotes, too", () => {
    expect(toCsv(["a"], [['=HYPERLINK("x","y")']])).toBe(`a\r\n"'=HYPERLINK(""x"",""y"")"\r\n`);
  });

  it("leaves numbers alone and nothing where nothing is known", () => {
    expect(toCsv(["a", "b", "c", "d"], [[-5, null, undefined, Number.NaN]])).toBe("a,b,c,d\r\n-5,,,\r\n");
  });
});
