// JSON as it was sent. JSON.parse would round large numbers, reorder keys that
// look like numbers and drop repeated keys; someone who debugs a call must see
// none of that.

/** A JSON value; a number keeps its digits. */
export type Json =
  | { kind: "object"; entries: [string, Json][] }
  | { kind: "array"; items: Json[] }
  | { kind: "string"; value: string }
  | { kind: "number"; source: string }
  | { kind: "word"; source: "true" | "false" | "null" };

const maxDepth = 512;
const space = /[ \t\r\n]*/y;
const numberToken = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// eslint-disable-next-line no-control-regex -- RFC 8259 names these very characters.
const stringToken = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

/** Parses a whole document; throws SyntaxError with the offset. */
export function parseJson(text: string): Json {
  let at = 0;

  const fail = (): never => {
    throw new SyntaxError(`not JSON at offset ${at}`);
  };
  const take = (token: RegExp): string | undefined => {
    token.lastIndex = at;
    const match = token.exec(text);
    if (!match) return undefined;
    at = token.lastIndex;
    return match[0];
  };
  const skip = (char: string): boolean => {
    take(space);
    if (text[at] !== char) return false;
    at++;
    return true;
  };
  const string = (): string => JSON.parse(take(stringToken) ?? fail()) as string;

  const value = (depth: number): Json => {
    if (depth > maxDepth) fail();
    take(space);
    switch (text[at]) {
      case "{":
        return object(depth);
      case "[":
        return array(depth);
      case '"':
        return { kind: "string", value: string() };
      default:
        return scalar();
    }
  };
  const object = (depth: number): Json => {
    const entries: [string, Json][] = [];
    at++;
    if (skip("}")) return { kind: "object", entries };
    do {
      take(space);
      const key = string();
      if (!skip(":")) fail();
      entries.push([key, value(depth + 1)]);
    } while (skip(","));
    return skip("}") ? { kind: "object", entries } : fail();
  };
  const array = (depth: number): Json => {
    const items: Json[] = [];
    at++;
    if (skip("]")) return { kind: "array", items };
    do items.push(value(depth + 1));
    while (skip(","));
    return skip("]") ? { kind: "array", items } : fail();
  };
  const scalar = (): Json => {
    for (const word of ["true", "false", "null"] as const) {
      if (!text.startsWith(word, at)) continue;
      at += word.length;
      return { kind: "word", source: word };
    }
    const source = take(numberToken);
    return source ? { kind: "number", source } : fail();
  };

  const document = value(0);
  take(space);
  return at === text.length ? document : fail();
}

/** The member of an object, the last one where a key is repeated. */
export function member(json: Json | undefined, key: string): Json | undefined {
  if (json?.kind !== "object") return undefined;
  return json.entries.findLast(([name]) => name === key)?.[1];
}

/** Follows a path of keys. */
export function at(json: Json | undefined, ...path: string[]): Json | undefined {
  return path.reduce(member, json);
}

/** Writes JSON in one line when indent is 0, else indented. */
export function printJson(json: Json, indent = 0, depth = 0): string {
  const line = indent ? "\n" + " ".repeat(indent * (depth + 1)) : "";
  const end = indent ? "\n" + " ".repeat(indent * depth) : "";
  switch (json.kind) {
    case "object": {
      if (json.entries.length === 0) return "{}";
      const colon = indent ? ": " : ":";
      const members = json.entries.map(
        ([key, value]) => JSON.stringify(key) + colon + printJson(value, indent, depth + 1),
      );
      return "{" + line + members.join("," + line) + end + "}";
    }
    case "array": {
      if (json.items.length === 0) return "[]";
      return "[" + line + json.items.map((item) => printJson(item, indent, depth + 1)).join("," + line) + end + "]";
    }
    case "string":
      return JSON.stringify(json.value);
    case "number":
    case "word":
      return json.source;
  }
}
