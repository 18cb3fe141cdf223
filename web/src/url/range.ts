// A span of time as the address holds it: a preset ("range=24h") that moves
// with the clock, or two fixed instants ("from=…&to=…", RFC 3339).

export const presets = ["15m", "1h", "6h", "24h", "7d", "30d"] as const;
export type Preset = (typeof presets)[number];

export type Range = { preset: Preset } | { from: string; to: string };

/** The two ends of a range as the API takes them. */
export interface Span {
  from: string;
  to: string;
}

const names: Record<Preset, string> = {
  "15m": "15 minutes",
  "1h": "hour",
  "6h": "6 hours",
  "24h": "24 hours",
  "7d": "7 days",
  "30d": "30 days",
};

export const standard: Preset = "24h";

const units: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The length of a preset in milliseconds. */
export function presetLength(preset: Preset): number {
  return Number(preset.slice(0, -1)) * (units[preset.slice(-1)] ?? 0);
}

export function rangeFromQuery(query: URLSearchParams, fallback: Preset = standard): Range {
  const from = instant(query.get("from"));
  const to = instant(query.get("to"));
  if (from && to && from < to) return { from: from.toISOString(), to: to.toISOString() };
  const named = presets.find((p) => p === query.get("range"));
  return { preset: named ?? fallback };
}

export function queryOfRange(range: Range): Record<string, string | undefined> {
  if ("preset" in range) return { range: range.preset, from: undefined, to: undefined };
  return { range: undefined, from: range.from, to: range.to };
}

export function spanOf(range: Range): Span {
  return "preset" in range ? { from: "-" + range.preset, to: "now" } : range;
}

/** The span of equal length just before, to compare with. */
export function spanBefore(range: Range): Span {
  if ("preset" in range) {
    const amount = Number(range.preset.slice(0, -1));
    return { from: `-${amount * 2}${range.preset.slice(-1)}`, to: "-" + range.preset };
  }
  const length = Date.parse(range.to) - Date.parse(range.from);
  return { from: new Date(Date.parse(range.from) - length).toISOString(), to: range.from };
}

/** "Last 24 hours", or the two instants as the reader's clock shows them. */
export function rangeLabel(range: Range): string {
  if ("preset" in range) return "Last " + names[range.preset];
  return `${shortDateTime(range.from)} to ${shortDateTime(range.to)}`;
}

/**
 * How often a page on this range asks again, in milliseconds. One that shows nothing
 * asks soon: somebody may have just sent the first call, and is looking for it.
 */
export function refreshEvery(range: Range, nothing = false): number | false {
  if (!("preset" in range)) return false;
  return nothing ? 5_000 : Math.min(60_000, Math.max(5_000, presetLength(range.preset) / 720));
}

const dateTime = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});

function shortDateTime(iso: string): string {
  return dateTime.format(new Date(iso));
}

function instant(text: string | null): Date | undefined {
  const date = new Date(text ?? "");
  return Number.isNaN(date.getTime()) ? undefined : date;
}
