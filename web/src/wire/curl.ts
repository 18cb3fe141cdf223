import type { WireEvent } from "../api/types";
import { decodeBody } from "./body";
import { headerList, mask } from "./event";
import { printJson, type Json } from "./json";

// Headers that curl makes itself, or that belong to one connection only.
const own = new Set(["host", "content-length", "connection", "transfer-encoding", "accept-encoding", "te", "upgrade"]);

/**
 * The call as a command line for a POSIX shell. What the gateway masked stays
 * masked, and a body that was cut is not whole: see curlNotes.
 */
export function toCurl(e: WireEvent, body: Json | undefined): string {
  const verb = e.request.verb;
  const decoded = decodeBody(body, e.request.transfer_encoding);
  const words = ["curl"];
  if (verb === "HEAD") words.push("-I");
  else if (verb !== (decoded.kind === "none" ? "GET" : "POST")) words.push("-X " + quote(verb));
  words.push(quote(e.request.uri));
  for (const [name, value] of headerList(e.request.headers)) {
    if (own.has(name.toLowerCase()) || name.startsWith(":")) continue;
    words.push("-H " + quote(value === "" ? name + ";" : `${name}: ${value}`));
  }
  switch (decoded.kind) {
    case "none":
      return words.join(" \\\n  ");
    case "json":
      words.push("--data-raw " + quote(printJson(decoded.json)));
      return words.join(" \\\n  ");
    case "text":
      words.push("--data-raw " + quote(decoded.text));
      return words.join(" \\\n  ");
    case "binary":
      words.push("--data-binary @-");
      return `echo ${quote(decoded.base64)} | base64 -d | ` + words.join(" \\\n  ");
  }
}

/** What the reader must fill in before the command repeats the call. */
export function curlNotes(curl: string, cut: string[]): string[] {
  const notes: string[] = [];
  if (curl.includes(mask)) notes.push("masked values are still masked");
  if (cut.includes("request.body")) notes.push("the body is only its beginning");
  return notes;
}

/** Quotes a word for a POSIX shell. */
export function quote(word: string): string {
  return "'" + word.replaceAll("'", `'\\''`) + "'";
}
