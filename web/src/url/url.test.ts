import { describe, expect, it } from "vitest";
import type { WireEvent } from "../api/types";
import { apiParams, filtersFromQuery, parseTyped, passes, queryOfFilters, type Filters } from "./filters";
import { href, parseHash, withQuery } from "./location";
import { queryOfRange, rangeFromQuery, refreshEvery, spanBefore, spanOf } from "./range";

describe("the address", () => {
  it.each(["a/b", "Grüße", "50%", "a?b#c", "..", "{id}"])("carries the id %s there and back", (id) => {
    const hash = href(["customers", "companies", id], { range: "7d" });
    expect(parseHash(hash).path).toEqual(["customers", "companies", id]);
    expect(parseHash(hash).query.get("range")).toBe("7d");
  });

  it("reads the sign-in link", () => {
    const at = parseHash("#/sign-in?token=ab%2Bc");
    expect(at.path).toEqual(["sign-in"]);
    expect(at.query.get("token")).toBe("ab+c");
  });

  it("leaves out what is empty and survives a broken escape", () => {
    expect(href(["live"], { user: "", q: undefined })).toBe("#/live");
    expect(parseHash("#/customers/%E0%A4%A").path).toEqual(["customers", "%E0%A4%A"]);
  });

  it("changes some keys and keeps the others", () => {
    const at = parseHash("#/live?user=jane&call=1");
    expect(withQuery(at, { call: undefined, verb: "GET" })).toBe("#/live?user=jane&verb=GET");
  });
});

describe("filters", () => {
  it("come back from the address as they were", () => {
    const filters: Filters = { user: "jane doe", company: "acme", route: "/orders/{id}", verb: "GET", path: "/x", status: "5xx", q: "a b", errors: true };
    const at = parseHash(href(["live"], queryOfFilters(filters)));
    expect(filtersFromQuery(at.query)).toEqual(filters);
  });

  it("ignore what can't be a status", () => {
    expect(filtersFromQuery(new URLSearchParams("status=many&verb=get"))).toEqual({ verb: "GET" });
  });

  it.each<[string, Filters, string]>([
    ["status:5xx user:jane", { status: "5xx", user: "jane" }, ""],
    ['user:"jane doe" orders', { user: "jane doe" }, "orders"],
    ["method:post company_id:acme", { verb: "POST", company: "acme" }, ""],
    ["is:error /orders", { errors: true }, "/orders"],
    ["status:many", {}, "status:many"],
    ["http://x.example/y", {}, "http://x.example/y"],
    ["  ", {}, ""],
    ["STATUS:404", { status: "404" }, ""],
  ])("are read out of “%s”", (typed, filters, rest) => {
    expect(parseTyped(typed)).toEqual({ filters, rest });
  });

  it("are asked for by the API's names", () => {
    const asked = apiParams({ user: "jane", errors: true, q: "x" });
    expect(asked).toMatchObject({ user_id: "jane", errors: "true", q: "x", company_id: undefined });
  });

  const call = (status: number | undefined, more: Partial<WireEvent> = {}): WireEvent => ({
    request: { time: "2026-11-22T10:00:00Z", uri: "https://h/orders/1?x=1", verb: "GET" },
    response: status === undefined ? undefined : { time: "2026-11-22T10:00:00Z", status },
    transaction_id: "1",
    ...more,
  });

  it.each<[Filters, WireEvent, boolean]>([
    [{ status: "4xx" }, call(404), true],
    [{ status: "4xx" }, call(500), false],
    [{ status: "404" }, call(404), true],
    [{ errors: true }, call(200), false],
    [{ errors: true }, call(undefined), true],
    [{ path: "/orders/1" }, call(200), true],
    [{ company: "acme" }, call(200), false],
    [{ company: "acme" }, call(200, { company_id: "acme" }), true],
    [{ route: "/orders/{id}" }, call(200, { metadata: { gatemeter: { route: "/orders" } } }), false],
    [{ route: "/orders/{id}" }, call(200), true],
  ])("%j narrow the calls on the screen", (filters, e, kept) => expect(passes(e, filters)).toBe(kept));
});

describe("ranges", () => {
  it("come back from the address as they were", () => {
    const fixed = { from: "2026-11-01T00:00:00.000Z", to: "2026-11-02T00:00:00.000Z" };
    expect(rangeFromQuery(new URLSearchParams(queryOfRange(fixed) as Record<string, string>))).toEqual(fixed);
    expect(rangeFromQuery(new URLSearchParams("range=7d"))).toEqual({ preset: "7d" });
  });

  it.each(["", "range=1y", "from=x&to=y", "from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z"])("fall back to the standard for “%s”", (query) => {
    expect(rangeFromQuery(new URLSearchParams(query))).toEqual({ preset: "24h" });
  });

  it("are asked for again the sooner the shorter they are, and soon while there is nothing", () => {
    expect(refreshEvery({ preset: "24h" })).toBe(60_000);
    expect(refreshEvery({ preset: "1h" })).toBe(5_000);
    expect(refreshEvery({ preset: "30d" }, true)).toBe(5_000);
    expect(refreshEvery({ from: "2026-11-02T00:00:00.000Z", to: "2026-11-02T06:00:00.000Z" }, true)).toBe(false);
  });

  it("are compared with a span of equal length before", () => {
    expect(spanOf({ preset: "7d" })).toEqual({ from: "-7d", to: "now" });
    expect(spanBefore({ preset: "7d" })).toEqual({ from: "-14d", to: "-7d" });
    expect(spanBefore({ from: "2026-11-02T00:00:00.000Z", to: "2026-11-02T06:00:00.000Z" })).toEqual({ from: "2026-11-01T18:00:00.000Z", to: "2026-11-02T00:00:00.000Z" });
  });
});
