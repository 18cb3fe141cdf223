import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { getJson } from "../../api/client";
import type { components } from "../../api/schema";

export type Arriving = components["schemas"]["SourcesAnswerBody"];
export type Source = components["schemas"]["Source"];
export type Interval = components["schemas"]["SourceInterval"];

/** The ranges that the page offers; minutes are kept for a week. */
export const ranges = ["1h", "6h", "24h", "7d"] as const;
export type ArrivalRange = (typeof ranges)[number];

export function rangeOf(text: string | null): ArrivalRange {
  return ranges.find((one) => one === text) ?? "1h";
}

export function useArrivals(app: string, range: ArrivalRange) {
  const asked = { app, from: "-" + range, to: "now" };
  return useQuery({
    queryKey: ["arrivals", asked],
    queryFn: ({ signal }) => getJson<Arriving>("/pipeline/sources", asked, signal),
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  });
}

/** How long a step of delay is, in words: delays are counted in steps, not measured one by one. */
export function delay(seconds: number | null): string {
  if (seconds === null) return "–";
  if (seconds < 1) return `≤ ${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `≤ ${seconds} s`;
  if (seconds < 3600) return `≤ ${seconds / 60} min`;
  return `≤ ${seconds / 3600} h`;
}

/** An interval as a pile: what was new, what came twice, what was refused, against the highest pile. */
export function pile(one: Interval, highest: number): { fresh: number; twice: number; refused: number } {
  const share = (n: number) => (highest > 0 ? (100 * n) / highest : 0);
  return { fresh: share(one.received - one.duplicate - one.rejected), twice: share(one.duplicate), refused: share(one.rejected) };
}

/** Whether a source sent something in the range, and has not since. */
export function silent(source: Source, now: Date): boolean {
  return now.getTime() - Date.parse(source.last_seen) > 5 * 60_000;
}
