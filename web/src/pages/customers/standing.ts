import type { Point } from "../../api/types";

/** How a customer stands: whether the silence since its last call is like it. */
export type Standing = "active" | "quiet" | "stopped";

const shortest = 3_600_000; // no silence below an hour means anything
const fewest = 5; // calls: fewer tell nothing about a habit

/**
 * Judges the silence since the last call by the customer's own habit within the
 * span: stopped is a silence of more than twice its longest pause, quiet is one
 * longer than that pause. A customer whose pauses are nights or week-ends is
 * not called stopped in the morning. Without points (they are fetched for the
 * largest customers only) a customer counts as stopped when the whole span is
 * silent.
 */
export function standing(lastSeen: string | null, calls: number, points: Point[] | undefined, now: Date): Standing {
  const silence = now.getTime() - Date.parse(lastSeen ?? "");
  if (!lastSeen || calls === 0) return "stopped";
  if (!points || calls < fewest || silence < shortest) return "active";
  const pause = Math.max(longestPause(points), shortest);
  if (silence > 2 * pause) return "stopped";
  return silence > pause * 1.25 ? "quiet" : "active";
}

/** The longest time, in milliseconds, between two intervals that have calls. */
export function longestPause(points: Point[]): number {
  const busy = points.filter((p) => p.calls > 0).map((p) => Date.parse(p.t));
  return busy.reduce((longest, at, i) => Math.max(longest, i > 0 ? at - (busy[i - 1] ?? at) : 0), 0);
}

/** Sums neighbours so that no more than `most` numbers are left. */
export function condense(values: number[], most: number): number[] {
  const size = Math.ceil(values.length / most);
  if (size <= 1) return values;
  const sums: number[] = [];
  values.forEach((value, i) => {
    const slot = Math.floor(i / size);
    sums[slot] = (sums[slot] ?? 0) + value;
  });
  return sums;
}
