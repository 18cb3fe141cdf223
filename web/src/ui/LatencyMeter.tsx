import { latency } from "../format/number";
import css from "./LatencyMeter.module.css";

const decades = 5; // 1 ms to 100 s, each decade the same width

/** Where a latency stands on a logarithmic scale from 1 ms to 100 s: 0 to 1. */
export function meterShare(ms: number): number {
  return Math.min(1, Math.max(0, Math.log10(Math.max(ms, 1)) / decades));
}

/** A latency as a number and as a mark on a scale, so that a column can be scanned. */
export function LatencyMeter({ ms }: { ms: number | null }) {
  return (
    <span className={css.meter}>
      <span className={css.scale} aria-hidden="true">
        {ms !== null && <span className={css.fill} style={{ width: `${Math.max(4, meterShare(ms) * 100)}%` }} data-slow={ms >= 1000} />}
      </span>
      <span className={css.value}>{latency(ms)}</span>
    </span>
  );
}
