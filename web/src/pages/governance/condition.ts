// A condition as a person says it ("path begins with /orders") and as gateways
// have it: a path and a regular expression, searched anywhere (RE2).

export interface WireCondition {
  path: string;
  value: string;
}

export type Field = "path" | "verb" | "ip" | "header" | "body";
export type Test = "is" | "starts" | "contains" | "ends" | "one" | "regex";

export interface Condition {
  field: Field;
  /** Of the header, or of the field in the body: "plan.name". */
  name: string;
  test: Test;
  /** What is looked for; of "one" the values are separated by commas. */
  text: string;
}

export const fieldNames: Record<Field, string> = {
  path: "Path",
  verb: "Verb",
  ip: "IP address",
  header: "Header",
  body: "Field of the body",
};

export const testNames: Record<Test, string> = {
  is: "is",
  starts: "begins with",
  contains: "contains",
  ends: "ends with",
  one: "is one of",
  regex: "matches (advanced)",
};

/** The tests that make sense for a field, the usual one first. */
export function testsOf(field: Field, now?: Test): Test[] {
  const usual = usualTests(field);
  return now && !usual.includes(now) ? [...usual, now] : usual;
}

function usualTests(field: Field): Test[] {
  if (field === "verb") return ["is", "one", "regex"];
  if (field === "path") return ["starts", "is", "contains", "ends", "one", "regex"];
  return ["is", "one", "starts", "contains", "ends", "regex"];
}

export function newCondition(field: Field = "path"): Condition {
  return { field, name: "", test: testsOf(field)[0] ?? "is", text: field === "verb" ? "GET" : "" };
}

const paths: Partial<Record<Field, string>> = { path: "request.route", verb: "request.verb", ip: "request.ip_address" };

export function toWire(c: Condition): WireCondition {
  const path = paths[c.field] ?? (c.field === "header" ? "request.headers." : "request.body.") + c.name.trim();
  return { path, value: expression(c) };
}

function expression(c: Condition): string {
  const text = c.field === "verb" ? c.text.toUpperCase() : c.text;
  switch (c.test) {
    case "is": return "^" + escape(text) + "$";
    case "starts": return "^" + escape(text);
    case "contains": return escape(text);
    case "ends": return escape(text) + "$";
    case "one": return "^(?:" + listed(text).map(escape).join("|") + ")$";
    case "regex": return c.text;
  }
}

/** The values of a list as it is typed. */
export function listed(text: string): string[] {
  return text.split(",").map((one) => one.trim()).filter(Boolean);
}

/** Reads what toWire wrote; every other expression is shown as one. */
export function fromWire(w: WireCondition): Condition {
  const c: Condition = { ...where(w.path), test: "regex", text: w.value };
  const one = /^\^\(\?:(.*)\)\$$/s.exec(w.value);
  if (one) {
    const values = splitOutside(one[1] ?? "").map(unescape);
    if (values.length > 0 && values.every((v) => v !== undefined && v !== "" && !v.includes(",") && v === v.trim())) {
      return sure({ ...c, test: "one", text: values.join(", ") }, w);
    }
    return c;
  }
  const start = w.value.startsWith("^");
  const end = w.value.endsWith("$") && !w.value.endsWith("\\$");
  const text = unescape(w.value.slice(start ? 1 : 0, end ? -1 : undefined));
  if (text === undefined || text === "") return c;
  return sure({ ...c, test: start && end ? "is" : start ? "starts" : end ? "ends" : "contains", text }, w);
}

// What is shown in words must say exactly what is enforced.
function sure(c: Condition, w: WireCondition): Condition {
  const again = toWire(c);
  return again.value === w.value && again.path === w.path ? c : { ...c, test: "regex", text: w.value };
}

function where(path: string): { field: Field; name: string } {
  if (path === "request.verb") return { field: "verb", name: "" };
  if (path === "request.route") return { field: "path", name: "" };
  if (path === "request.ip_address" || path === "request.ip") return { field: "ip", name: "" };
  if (path.startsWith("request.headers.")) return { field: "header", name: path.slice("request.headers.".length) };
  return { field: "body", name: path.replace(/^request\.body\./, "") };
}

const special = /[\\.+*?()|[\]{}^$]/;

function escape(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&");
}

/** The text an expression stands for; undefined when it is more than text. */
function unescape(expression: string): string | undefined {
  let text = "";
  for (let i = 0; i < expression.length; i++) {
    const c = expression[i] ?? "";
    if (c !== "\\") {
      if (special.test(c)) return undefined;
      text += c;
      continue;
    }
    const next = expression[++i] ?? "";
    if (!special.test(next)) return undefined;
    text += next;
  }
  return text;
}

function splitOutside(alternatives: string): string[] {
  const parts = [""];
  for (let i = 0; i < alternatives.length; i++) {
    const c = alternatives[i] ?? "";
    if (c === "|") {
      parts.push("");
      continue;
    }
    parts[parts.length - 1] += c === "\\" ? c + (alternatives[++i] ?? "") : c;
  }
  return parts;
}

/** "path begins with “/orders”" */
export function inWords(c: Condition): string {
  const field = { path: "the path", verb: "the verb", ip: "the IP address", header: `the header ${c.name || "…"}`, body: `the body’s ${c.name || "…"}` }[c.field];
  const test = c.test === "regex" ? "matches" : testNames[c.test];
  const text = c.test === "one" ? listed(c.text).join(", ") : `“${c.text}”`;
  return `${field} ${test} ${text}`;
}

/** What keeps a condition from being used; undefined when nothing does. */
export function fault(c: Condition): string | undefined {
  if ((c.field === "header" || c.field === "body") && c.name.trim() === "") return "Name the " + (c.field === "header" ? "header" : "field");
  if (c.test === "one" ? listed(c.text).length === 0 : c.text === "") return "Say what to look for";
  return undefined;
}
