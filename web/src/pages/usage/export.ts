import type { GroupBy, Series, Top } from "../../api/types";
import { toCsv, type Cell } from "../../format/csv";

/** The table as CSV: one row for each group, and what it was in the span before. */
export function topCsv(top: Top, before: Top | undefined): string {
  const then = new Map(before?.rows.map((row) => [row.key, row.calls]));
  const header = [top.by || "group", "calls", "calls_before", "errors", "error_rate", "p50_ms", "p95_ms", "p99_ms", "last_seen"];
  const rows = top.rows.map((r): Cell[] => [r.key, r.calls, then.get(r.key), r.errors, r.error_rate, r.p50_ms, r.p95_ms, r.p99_ms, r.last_seen]);
  return toCsv(header, rows);
}

/** The chart as CSV: one row for each group and interval. */
export function seriesCsv(series: Series, by: GroupBy | undefined): string {
  const header = ["from", by ?? "group", "calls", "errors", "p50_ms", "p95_ms", "p99_ms"];
  const rows = series.groups.flatMap((g) => g.points.map((p): Cell[] => [p.t, g.key, p.calls, p.errors, p.p50_ms, p.p95_ms, p.p99_ms]));
  return toCsv(header, rows);
}
