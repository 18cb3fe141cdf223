import type { WireEvent } from "../src/api/types";

// Made-up traffic with the shapes a real one has: a few large customers and many
// small ones, days and nights, slow routes, errors, refusals, masked secrets, cut
// and binary bodies, and one customer that stopped.

export interface Sample {
  events: WireEvent[];
  /** Makes one more call at the given instant. */
  make(at: number): WireEvent;
}

interface Customer {
  id: string;
  name: string;
  share: number;
  users: string[];
}

const customers: Customer[] = [
  { id: "acme", name: "Acme Logistics", share: 34, users: ["jane", "rahul", "acme-etl"] },
  { id: "northwind", name: "Northwind Traders", share: 22, users: ["olga", "northwind-sync"] },
  { id: "globex", name: "Globex", share: 14, users: ["hank", "sam"] },
  { id: "initech", name: "Initech", share: 9, users: ["peter", "milton"] },
  { id: "umbra", name: "Umbra Health", share: 7, users: ["lena"] },
  { id: "hooli", name: "Hooli", share: 5, users: ["gavin", "hooli-bot"] },
  { id: "stark", name: "Stark Mobility", share: 4, users: ["pepper"] },
  { id: "wonka", name: "Wonka Foods", share: 2.5, users: ["charlie"] },
  { id: "tyrell", name: "Tyrell Robotics", share: 1.5, users: ["rachael"] },
  { id: "zephyr", name: "Zephyr Air", share: 1, users: ["amelia"] },
];

/** The customer that made its last call two days before now. */
export const stopped = "initech";

const routes: { verb: string; route: string; path: (n: number) => string; ms: number; share: number }[] = [
  { verb: "GET", route: "/orders/{id}", path: (n) => `/orders/${48000 + (n % 900)}`, ms: 18, share: 36 },
  { verb: "GET", route: "/orders", path: () => "/orders?status=open&limit=50", ms: 42, share: 20 },
  { verb: "POST", route: "/orders", path: () => "/orders", ms: 65, share: 12 },
  { verb: "GET", route: "/customers/{id}", path: (n) => `/customers/c_${n % 400}`, ms: 12, share: 12 },
  { verb: "PATCH", route: "/orders/{id}", path: (n) => `/orders/${48000 + (n % 900)}`, ms: 55, share: 6 },
  { verb: "POST", route: "/labels", path: () => "/labels", ms: 240, share: 5 },
  { verb: "GET", route: "/reports/{year}/{month}", path: () => "/reports/2026/11", ms: 900, share: 4 },
  { verb: "DELETE", route: "/orders/{id}", path: (n) => `/orders/${48000 + (n % 900)}`, ms: 20, share: 2 },
  { verb: "POST", route: "/session", path: () => "/session", ms: 80, share: 3 },
];

/** Mulberry32: small, and the same numbers everywhere. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Traffic of the seven days before now, newest last. */
export function sample(now: number, calls: number, seed = 7): Sample {
  const roll = dice(seed);
  let made = 0;

  const pick = <T extends { share: number }>(from: T[]): T => {
    let left = roll() * from.reduce((sum, one) => sum + one.share, 0);
    return from.find((one) => (left -= one.share) < 0) ?? (from[0] as T);
  };

  const make = (at: number): WireEvent => {
    const n = made++;
    let customer = pick(customers);
    if (customer.id === stopped && at > now - 2 * 86_400_000) customer = customers[0] as Customer;
    const { verb, route, path, ms } = pick(routes);
    const chance = roll();
    const incident = at > now - 30 * 3600_000 && at < now - 29 * 3600_000 && route === "/labels";
    const refused = chance < 0.012 ? "unauthenticated" : chance < 0.02 ? "rate_limited" : undefined;
    let status = verb === "POST" ? 201 : verb === "DELETE" ? 204 : 200;
    if (refused) status = refused === "unauthenticated" ? 401 : 429;
    else if (incident || chance > 0.993) status = 503;
    else if (chance > 0.96) status = 404;
    else if (chance > 0.945) status = 422;
    const took = refused ? 0.3 + roll() : ms * Math.exp((roll() + roll() + roll() - 1.5) * 1.1) * (incident ? 9 : 1);
    return event(n, at, { customer, verb, route, path: path(n), status, took, refused, roll });
  };

  const events: WireEvent[] = [];
  const week = 7 * 86_400_000;
  for (let i = 0; i < calls; i++) {
    let at = now - week + (week * (i + roll())) / calls;
    const hour = new Date(at).getUTCHours();
    if (roll() > 0.35 + 0.65 * Math.sin((Math.PI * hour) / 24) ** 2) at += 3600_000 * roll() * 4;
    if (at < now - 1000) events.push(make(at));
  }
  events.sort((a, b) => Date.parse(a.request.time) - Date.parse(b.request.time));
  return { events, make };
}

interface Shape {
  customer: Customer;
  verb: string;
  route: string;
  path: string;
  status: number;
  took: number;
  refused?: string;
  roll: () => number;
}

function event(n: number, at: number, s: Shape): WireEvent {
  const anonymous = s.refused === "unauthenticated";
  const user = s.customer.users[Math.floor(s.roll() * s.customer.users.length)];
  const cut = s.route.startsWith("/reports") && s.status === 200;
  return {
    request: {
      time: micros(at),
      uri: "https://api.example.com" + s.path,
      verb: s.verb,
      headers: {
        Accept: "application/json",
        Authorization: "*****",
        "User-Agent": n % 3 ? "acme-sdk/2.4 (node 22)" : "curl/8.11.0",
        ...(s.verb === "POST" || s.verb === "PATCH" ? { "Content-Type": "application/json" } : {}),
      },
      ip_address: `203.0.113.${n % 250}`,
      ...requestBody(s, n),
    },
    response: {
      time: micros(at + s.took),
      status: s.status,
      headers: { "Content-Type": s.route === "/labels" ? "image/png" : "application/json", "Set-Cookie": ["*****", "theme=dark"] },
      ...responseBody(s, n, cut),
    },
    ...(anonymous ? {} : { user_id: user, company_id: s.customer.id }),
    transaction_id: "019ab000-0000-7000-8000-" + n.toString(16).padStart(12, "0"),
    direction: "Incoming",
    metadata: {
      krakend: { region: "eu-west-1" },
      gatemeter: {
        route: s.route,
        identity: anonymous ? "none" : n % 9 === 0 ? "claimed" : "verified",
        ...(s.refused ? { refused: s.refused } : {}),
        ...(cut ? { cut: ["response.body"] } : {}),
      },
    },
  };
}

function requestBody(s: Shape, n: number): object {
  if (s.verb !== "POST" && s.verb !== "PATCH") return {};
  if (s.route === "/session") return { body: { login: "jane@acme.example", password: "*****" } };
  return {
    body: {
      reference: `PO-${7000 + n}`,
      items: [
        { sku: "CRT-20", quantity: 2, price: "14.90" },
        { sku: "PLT-EU", quantity: 1, price: "31.00", fragile: true },
      ],
      deliver: { name: "Grüne Straße 4", token: "*****", note: null },
    },
  };
}

function responseBody(s: Shape, n: number, cut: boolean): object {
  if (s.status === 204) return {};
  if (s.status >= 400) return { body: { error: { code: s.status, message: s.refused ?? "the order can not be found" } } };
  if (s.route === "/labels") return { body: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=", transfer_encoding: "base64" };
  if (cut) {
    const text = '{"report":"2026-11","rows":[' + Array.from({ length: 40 }, (_, i) => `{"day":${i + 1},"orders":${120 + i * 3},"iban":"*****"}`).join(",") + ',{"day":41,"ord';
    return { body: Buffer.from(text).toString("base64"), transfer_encoding: "base64" };
  }
  return { body: { id: 88_000_000 + n, status: "open", total: 60.8, items: [{ sku: "CRT-20", quantity: 2 }], card: "*****" } };
}

function micros(ms: number): string {
  const whole = Math.floor(ms);
  const rest = Math.floor((ms - whole) * 1000);
  return new Date(whole).toISOString().replace("Z", String(rest).padStart(3, "0") + "Z");
}
