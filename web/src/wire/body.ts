import { parseJson, type Json } from "./json";

/** A body in the form that can best be read. */
export type Body =
  | { kind: "none" }
  | { kind: "json"; json: Json }
  | { kind: "text"; text: string }
  | { kind: "binary"; base64: string; size: number };

/**
 * Decodes a body as it stands on the wire: any JSON value, or base64 in a
 * string. Base64 that holds text is shown as text, and as JSON where it is a
 * whole document; a client may also send plain text in a JSON string.
 */
export function decodeBody(body: Json | undefined, transferEncoding: string | undefined): Body {
  if (!body || (body.kind === "word" && body.source === "null")) return { kind: "none" };
  if (body.kind !== "string") return { kind: "json", json: body };
  if (transferEncoding !== "base64") return { kind: "text", text: body.value };

  const bytes = fromBase64(body.value);
  if (!bytes) return { kind: "text", text: body.value };
  if (bytes.length === 0) return { kind: "none" };
  const text = asText(bytes);
  if (text === undefined) return { kind: "binary", base64: body.value, size: bytes.length };
  return asDocument(text) ?? { kind: "text", text };
}

function asDocument(text: string): Body | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    return { kind: "json", json: parseJson(text) };
  } catch {
    return undefined;
  }
}

export function fromBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}

// A cut body may end within a character: up to three bytes at the end are
// given up before the whole is called binary.
function asText(bytes: Uint8Array): string | undefined {
  for (let short = 0; short <= Math.min(3, bytes.length - 1); short++) {
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, bytes.length - short));
      // eslint-disable-next-line no-control-regex -- Control characters are what tells binary from text.
      return /[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(text) ? undefined : text;
    } catch {
      // Try again with a byte less.
    }
  }
  return undefined;
}
