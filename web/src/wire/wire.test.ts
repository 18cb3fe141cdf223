import { describe, expect, it } from "vitest";
import type { WireEvent } from "../api/types";
import { decodeBody } from "./body";
import { curlNotes, toCurl } from "./curl";
import { addressOf, durationOf, facts, headerList, newestFirst, statusOf } from "./event";
import { at, parseJson, printJson, type Json } from "./json";

const base64 = (text: string | Uint8Array) => Buffer.from(text).toString("base64");
const string = (value: string): Json => ({ kind: "string", value });

describe("JSON as it was sent", () => {
  it.each([
    '{"id":12345678901234567890,"rate":1.0,"big":1e400}',
    '{"10":"b","2":"a","x":{"2":0,"1":0}}',
    '{"a":1,"a":2}',
    '[null,true,false,"\\u00e9\\n",[],{}]',
    '"text"',
    "-0.5E+10",
  ])("keeps every digit, key and order of %s", (text) => {
    expect(printJson(parseJson(text))).toBe(text.replace("\\u00e9", "é"));
  });

  it("indents", () => {
    expect(printJson(parseJson('{"a":[1,{}],"b":"x"}'), 2)).toBe('{\n  "a": [\n    1,\n    {}\n  ],\n  "b": "x"\n}');
  });

  it.each(["", "{", '{"a":}', "[1,]", '{"a":1,}', "01", "1 2", "nul", '"\n"', '"\\x"', "{'a':1}", "[".repeat(600) + "]".repeat(600)])("refuses %j", (text) => {
    expect(() => parseJson(text)).toThrow(SyntaxError);
  });

  it("agrees with the browser on what is JSON", () => {
    const pieces = ["{", "}", "[", "]", ",", ":", '"a"', "1", "-", ".5", "e3", "true", "null", " ", '"\\u12', "\\"];
    let seed = 1;
    const roll = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
    for (let i = 0; i < 20_000; i++) {
      const text = Array.from({ length: 1 + Math.floor(roll() * 7) }, () => pieces[Math.floor(roll() * pieces.length)]).join("");
      let theirs = true;
      try {
        JSON.parse(text);
      } catch {
        theirs = false;
      }
      let ours = true;
      try {
        parseJson(text);
      } catch {
        ours = false;
      }
      expect(ours, text).toBe(theirs);
    }
  });

  it("finds a member by its path", () => {
    const json = parseJson('{"request":{"body":{"a":1}},"list":[1]}');
    expect(at(json, "request", "body", "a")).toEqual({ kind: "number", source: "1" });
    expect(at(json, "list", "a")).toBeUndefined();
    expect(at(json, "nothing", "there")).toBeUndefined();
  });
});

describe("bodies", () => {
  it("shows nothing for an absent or null body", () => {
    expect(decodeBody(undefined, undefined).kind).toBe("none");
    expect(decodeBody(parseJson("null"), undefined).kind).toBe("none");
    expect(decodeBody(string(""), "base64").kind).toBe("none");
  });

  it("takes a string without an encoding for text, and with base64 for bytes", () => {
    expect(decodeBody(string("aGVsbG8="), undefined)).toEqual({ kind: "text", text: "aGVsbG8=" });
    expect(decodeBody(string("aGVsbG8="), "json")).toEqual({ kind: "text", text: "aGVsbG8=" });
    expect(decodeBody(string("aGVsbG8="), "base64")).toEqual({ kind: "text", text: "hello" });
  });

  it("reads a whole JSON document out of base64", () => {
    expect(decodeBody(string(base64('{"id":12345678901234567890}')), "base64")).toMatchObject({ kind: "json", json: { entries: [["id", { source: "12345678901234567890" }]] } });
  });

  it("shows the beginning of a cut document as text, even cut within a character", () => {
    const cut = Buffer.from('{"city":"Zürich","note":"ü').subarray(0, -1);
    expect(decodeBody(string(base64(cut)), "base64")).toEqual({ kind: "text", text: '{"city":"Zürich","note":"' });
  });

  it.each([[[0x89, 0x50, 0x4e, 0x47, 0, 1]], [[0xff, 0xfe, 0xfd, 0xfc, 0xfb]], [[0x1f, 0x8b, 8, 0, 0]]])("calls %j binary", (bytes) => {
    expect(decodeBody(string(base64(Uint8Array.from(bytes))), "base64")).toMatchObject({ kind: "binary", size: bytes.length });
  });

  it("shows what claims to be base64 and is not as it stands", () => {
    expect(decodeBody(string("not base64!"), "base64")).toEqual({ kind: "text", text: "not base64!" });
  });
});

const call = (request: Partial<WireEvent["request"]>, more: Partial<WireEvent> = {}): WireEvent => ({
  request: { time: "2026-11-22T10:00:00.000100Z", uri: "https://api.example.com/orders?a=1", verb: "GET", ...request },
  response: { time: "2026-11-22T10:00:00.000350Z", status: 200 },
  transaction_id: "id",
  ...more,
});

describe("events", () => {
  it("measures a call to the microsecond, and never backwards", () => {
    expect(durationOf(call({}))).toBeCloseTo(0.25, 6);
    expect(durationOf(call({ time: "2026-11-22T10:00:01Z" }))).toBe(0);
    expect(durationOf(call({}, { response: undefined }))).toBeNull();
  });

  it.each([
    ["https://api.example.com/orders?a=1#x", { host: "api.example.com", path: "/orders", query: "?a=1" }],
    ["https://api.example.com", { host: "api.example.com", path: "/", query: "" }],
    ["/only/path?b=2", { host: "", path: "/only/path", query: "?b=2" }],
    ["http://h:8080/a:b", { host: "h:8080", path: "/a:b", query: "" }],
  ])("takes the address %s apart", (uri, parts) => expect(addressOf(call({ uri }))).toEqual(parts));

  it("reads the gateway's facts and survives nonsense in their place", () => {
    const metadata = { gatemeter: { route: "/orders", identity: "claimed", refused: "quota", cut: ["request.body", 3] } };
    expect(facts(call({}, { metadata }))).toEqual({ route: "/orders", identity: "claimed", refused: "quota", cut: ["request.body"] });
    for (const odd of [undefined, {}, { gatemeter: null }, { gatemeter: "x" }, { gatemeter: { route: 1, identity: "?", cut: "all" } }]) {
      expect(facts(call({}, { metadata: odd }))).toMatchObject({ cut: [] });
    }
  });

  it("lists repeated header fields one by one", () => {
    expect(headerList({ A: "1", "Set-Cookie": ["x", "y"] })).toEqual([["A", "1"], ["Set-Cookie", "x"], ["Set-Cookie", "y"]]);
    expect(headerList(undefined)).toEqual([]);
  });

  it("has status 0 without an answer", () => expect(statusOf(call({}, { response: undefined }))).toBe(0));

  it("sorts the newest first, to the microsecond, whatever the digits", () => {
    const times = ["2026-11-22T10:00:00.000200Z", "2026-11-22T10:00:00.0003Z", "2026-11-22T10:00:00Z"];
    const sorted = times.map((time) => call({ time })).sort(newestFirst).map((e) => e.request.time);
    expect(sorted).toEqual([times[1], times[0], times[2]]);
  });
});

describe("copy as curl", () => {
  it("quotes for the shell", () => {
    const e = call({ uri: "https://h/it's", headers: { "X-A": "it's", Host: "h", "Content-Length": "3" } });
    expect(toCurl(e, undefined)).toBe(`curl \\\n  'https://h/it'\\''s' \\\n  -H 'X-A: it'\\''s'`);
  });

  it("sends JSON as it was, with its verb", () => {
    const text = toCurl(call({ verb: "PUT" }), parseJson('{"id":12345678901234567890}'));
    expect(text).toContain("-X 'PUT'");
    expect(text).toContain(`--data-raw '{"id":12345678901234567890}'`);
    expect(toCurl(call({ verb: "POST" }), parseJson("1"))).not.toContain("-X");
    expect(toCurl(call({ verb: "POST" }), undefined)).toContain("-X 'POST'");
  });

  it("pipes bytes that are not text", () => {
    const e = call({ verb: "POST", transfer_encoding: "base64" });
    expect(toCurl(e, string("iVBORwA="))).toMatch(/^echo 'iVBORwA=' \| base64 -d \| curl .*--data-binary @-$/s);
  });

  it("says what is missing", () => {
    expect(curlNotes("curl -H 'A: *****'", ["request.body", "response.body"])).toHaveLength(2);
    expect(curlNotes("curl", ["response.body"])).toEqual([]);
  });
});
