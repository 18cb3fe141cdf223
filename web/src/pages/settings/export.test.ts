import { describe, expect, it } from "vitest";
import type { App } from "../../api/types";
import { fault, fileName, formatOf, paramsOf, receive, sentence, whichCalls, type Wanted } from "./export";

const app = { id: "app_1", name: "Orders & Co" } as App;
const wanted: Wanted = { format: "csv", bodies: false, range: { preset: "7d" }, filters: { status: "4xx", errors: true, q: "a b" } };

describe("an export", () => {
  it("is asked for in the API's words", () => {
    expect(paramsOf(app, wanted)).toMatchObject({ app: "app_1", from: "-7d", to: "now", status: "4xx", errors: "true", q: "a b", format: "csv", bodies: undefined });
    expect(paramsOf(app, { ...wanted, bodies: true }).bodies).toBe("true");
    expect(formatOf(new URLSearchParams("format=xls"))).toBe("ndjson");
  });

  it("says what it will hold", () => {
    expect(whichCalls(app, {})).toBe("all calls of Orders & Co");
    expect(sentence(app, wanted, { events: 1, bytes: 1024, most: 10_000_000 })).toBe(
      "1 call: failed calls of Orders & Co with status 4xx, the text “a b”, last 7 days, without bodies. About 1.02\u00a0kB of CSV.",
    );
  });

  it("says why there is nothing to download", () => {
    expect(fault(wanted, { events: 0, bytes: 0, most: 10 })).toContain("No call");
    expect(fault(wanted, { events: 11, bytes: 9, most: 10 })).toContain("a CSV file holds 10 at most");
    expect(fault(wanted, { events: 10, bytes: 9, most: 10 })).toBeUndefined();
    expect(fault({ ...wanted, format: "ndjson" }, { events: 11, bytes: 9, most: 0 })).toBeUndefined();
  });

  it("has a name that every disk takes", () => {
    expect(fileName(app, wanted, new Date("2026-11-28T10:00:00Z"))).toBe("orders-co-calls-2026-11-28.csv");
    expect(fileName({ ...app, name: "支払" }, wanted, new Date("2026-11-28T10:00:00Z"))).toBe("calls-calls-2026-11-28.csv");
  });

  const streamed = (pieces: Uint8Array<ArrayBuffer>[], cut: boolean) => {
    let next = 0;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(to) {
        const piece = pieces[next++];
        if (piece) to.enqueue(piece);
        else if (cut) to.error(new TypeError("cut"));
        else to.close();
      },
    });
    return { headers: new Headers({ "Content-Type": "text/csv" }), body } as Response;
  };

  it("is received to its end, and counted", async () => {
    const piece = new Uint8Array(5 << 20).fill(97);
    const seen: number[] = [];
    const file = await receive(streamed([piece, piece, new Uint8Array([98])], false), (bytes) => seen.push(bytes));
    expect(file.size).toBe((10 << 20) + 1);
    expect(await file.slice((10 << 20) - 1).text()).toBe("ab");
    expect(file.type).toBe("text/csv");
    expect(seen).toEqual([5 << 20, 10 << 20, (10 << 20) + 1]);
  });

  it("that is cut is not taken for whole", async () => {
    await expect(receive(streamed([new Uint8Array([97])], true), () => undefined)).rejects.toThrow("cut");
  });
});
