// Numbers as people read them. All figures are set in tabular numerals, so the
// same quantity has the same width in every row.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const steps: [number, string][] = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e4, "k"],
];

// A number and its unit stay on one line.
const gap = "\u00a0";

/** A dash stands for a quantity that is not known. */
export const unknown = "–";

/** Every digit: 1,234,567. */
export function count(n: number): string {
  return whole.format(n);
}

/** Short from ten thousand on: 9,999 · 12.3k · 4.56M. */
export function compact(n: number): string {
  const size = Math.abs(n);
  for (const [step, unit] of steps) {
    if (size < step) continue;
    const base = unit === "k" ? 1e3 : step;
    return significant(n / base) + unit;
  }
  return whole.format(n);
}

/** A share between 0 and 1 as a percentage; never 0 % for something that happened. */
export function percent(share: number): string {
  const p = share * 100;
  if (p === 0) return "0%";
  if (p < 0.01) return "<0.01%";
  if (p >= 99.95) return p === 100 ? "100%" : ">99.9%";
  if (p < 1) return p.toFixed(2) + "%";
  return p.toFixed(1) + "%";
}

/** A latency in milliseconds with the unit that reads best. */
export function latency(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return unknown;
  if (ms < 0.0005) return "0" + gap + "ms";
  if (ms < 1) return ms.toFixed(2) + gap + "ms";
  if (ms < 10) return ms.toFixed(1) + gap + "ms";
  if (ms < 1000) return Math.round(ms) + gap + "ms";
  if (ms < 10_000) return (ms / 1000).toFixed(2) + gap + "s";
  if (ms < 120_000) return (ms / 1000).toFixed(1) + gap + "s";
  return Math.round(ms / 60_000) + gap + "min";
}

/** A size in bytes, in decimal units. */
export function bytes(n: number | null | undefined): string {
  if (n === null || n === undefined || n < 0) return unknown;
  if (n < 1000) return n + gap + "B";
  if (n < 1e6) return significant(n / 1e3) + gap + "kB";
  if (n < 1e9) return significant(n / 1e6) + gap + "MB";
  return significant(n / 1e9) + gap + "GB";
}

/**
 * How a number changed against the same number before: "+12%", "−40%", "×12", "new".
 * Undefined when both are zero or there is nothing to compare with.
 */
export function change(now: number, before: number | undefined): string | undefined {
  if (before === undefined || (now === 0 && before === 0)) return undefined;
  if (before === 0) return "new";
  const ratio = now / before;
  if (ratio >= 10) return "×" + significant(ratio);
  const p = Math.round((ratio - 1) * 100);
  if (p === 0) return "±0%";
  return (p > 0 ? "+" : "−") + Math.abs(p) + "%";
}

/**
 * Whether a share of failures stands out: a twentieth at least, and half as
 * much again as the share of all calls.
 */
export function standsOut(share: number, ofAll: number): boolean {
  return share >= 0.05 && share >= ofAll * 1.5;
}

/** Three significant digits without an exponent. */
function significant(n: number): string {
  const size = Math.abs(n);
  if (size >= 100) return n.toFixed(0);
  return size >= 10 ? n.toFixed(1) : n.toFixed(2);
}
