// One door to the server: every request of the console goes through here, and
// here it is known whether the server can be reached.

/** The server said no (RFC 9457), or could not be reached (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** Which fields were refused, and why. */
    readonly fields: { location: string; message: string }[] = [],
  ) {
    super(message);
    this.name = "ApiError";
  }
}

type Listener = (reachable: boolean) => void;
const listeners = new Set<Listener>();
let reachable = true;
let signedOut: () => void = () => undefined;

export function isReachable(): boolean {
  return reachable;
}

export function onReachable(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Sets what happens when the server no longer knows the session. */
export function onSignedOut(listener: () => void): void {
  signedOut = listener;
}

const timeout = 20_000;

export type Params = Record<string, string | number | undefined>;

export async function getJson<T>(path: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
  const response = await request("GET", path + search(params), undefined, signal);
  return (await response.json()) as T;
}

/** Like getJson, with header fields of one's own. */
export async function getWith<T>(path: string, headers: Record<string, string>, signal?: AbortSignal): Promise<T> {
  const response = await request("GET", path, undefined, signal, headers);
  return (await response.json()) as T;
}

/** Like getJson, but as the bytes stand: numbers keep every digit. */
export async function getText(path: string, params: Params = {}, signal?: AbortSignal): Promise<string> {
  const response = await request("GET", path + search(params), undefined, signal);
  return response.text();
}

/** Opens a file, however long it takes to be put together and read: until signal ends it. */
export function openFile(path: string, params: Params, signal: AbortSignal): Promise<Response> {
  return request("GET", path + search(params), undefined, signal, { Accept: "*/*" }, null);
}

/** Where a browser finds a file by itself. */
export function addressOf(path: string, params: Params): string {
  return "/api/v1" + path + search(params);
}

export async function sendJson<T>(
  method: "POST" | "PUT" | "DELETE", path: string, body?: unknown, more: Record<string, string> = {},
): Promise<T> {
  const response = await request(method, path, body === undefined ? undefined : JSON.stringify(body), undefined, more);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

export async function remove(path: string): Promise<void> {
  await request("DELETE", path);
}

async function request(
  method: string, path: string, body?: string, signal?: AbortSignal, more: Record<string, string> = {}, limit: AbortSignal | null = AbortSignal.timeout(timeout),
): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json", ...more };
  if (method !== "GET") headers["X-Gatemeter-CSRF"] = "1";
  if (body !== undefined) headers["Content-Type"] = "application/json";

  let response: Response;
  try {
    response = await fetch("/api/v1" + path, {
      method,
      headers,
      body,
      credentials: "same-origin",
      signal: signal && limit ? AbortSignal.any([signal, limit]) : (signal ?? limit),
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    setReachable(false);
    throw new ApiError(0, limit?.aborted ? "The server takes too long to answer." : "The server can not be reached.");
  }
  setReachable(response.status < 502 || response.status > 504);
  if (response.ok) return response;
  if (response.status === 401 && path !== "/session") signedOut();
  throw await problem(response);
}

async function problem(response: Response): Promise<ApiError> {
  try {
    const document = (await response.json()) as { detail?: string; title?: string; errors?: { location?: string; message?: string }[] };
    const text = document.detail || document.title;
    const fields = (document.errors ?? []).map((one) => ({ location: (one.location ?? "").replace(/^body\.?/, ""), message: one.message ?? "" }));
    if (text) return new ApiError(response.status, text.charAt(0).toUpperCase() + text.slice(1), fields);
  } catch {
    // Not a problem document: a proxy's page, for instance.
  }
  return new ApiError(response.status, `The server answered with status ${response.status}.`);
}

function setReachable(now: boolean): void {
  if (now === reachable) return;
  reachable = now;
  for (const listener of listeners) listener(now);
}

function search(params: Params): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== undefined && value !== "") query.set(key, String(value));
  }
  const text = query.toString();
  return text ? "?" + text : "";
}
