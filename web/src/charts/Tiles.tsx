import type { Totals } from "../api/types";
import { change, compact, count, latency, percent } from "../format/number";
import type { Metric } from "./option";
import css from "./Tiles.module.css";

interface Props {
  total: Totals | undefined;
  /** The same totals of the span before. */
  before: Totals | undefined;
  metric: Metric;
  onMetric: (metric: Metric) => void;
}

/**
 * The totals of the span before, where they can be compared with: next to no
 * calls then (before the first call, for instance) tell nothing about a change.
 */
export function comparable(now: Totals | undefined, before: Totals | undefined): Totals | undefined {
  return now && before && before.calls > 0 && before.calls >= now.calls / 100 ? before : undefined;
}

/** The three numbers of a span, each of which chooses what the chart shows. */
export function Tiles({ total, before, metric, onMetric }: Props) {
  const rate = total ? percent(total.error_rate) : "";
  const tiles: { metric: Metric; name: string; value: string; title: string; note: string; now: number; then: number | undefined; bad: "up" | "none" }[] = [
    { metric: "calls", name: "Calls", value: compact(total?.calls ?? 0), title: count(total?.calls ?? 0), note: "", now: total?.calls ?? 0, then: before?.calls, bad: "none" },
    { metric: "errors", name: "Errors", value: compact(total?.errors ?? 0), title: count(total?.errors ?? 0), note: rate && `${rate} of calls`, now: total?.errors ?? 0, then: before?.errors, bad: "up" },
    { metric: "latency", name: "Latency, p95", value: latency(total?.p95_ms), title: "", note: total ? `p50 ${latency(total.p50_ms)}, p99 ${latency(total.p99_ms)}` : "", now: total?.p95_ms ?? 0, then: before?.p95_ms ?? undefined, bad: "up" },
  ];
  return (
    <div className={css.tiles} role="radiogroup" aria-label="What the chart shows">
      {tiles.map((tile) => (
        <label key={tile.metric} className={css.tile} data-chosen={tile.metric === metric}>
          <input type="radio" name="metric" className="unseen" checked={tile.metric === metric} onChange={() => onMetric(tile.metric)} />
          <span className={css.name}>{tile.name}</span>
          <span className={css.line}>
            <span className={css.value} title={tile.title}>{total ? tile.value : "…"}</span>
            <Change now={tile.now} before={tile.then} bad={tile.bad} />
          </span>
          <span className={css.note}>{tile.note}</span>
        </label>
      ))}
    </div>
  );
}

/** How a number stands against the span before; more of what is bad is marked. */
export function Change({ now, before, bad }: { now: number; before: number | undefined; bad: "up" | "none" }) {
  const text = change(now, before);
  if (!text) return null;
  const worse = bad === "up" && now > (before ?? 0) * 1.1;
  return (
    <span className={css.change} data-worse={worse} title="Against the span of equal length before">
      {text}
    </span>
  );
}
