import { SegmentedControl } from "@mantine/core";
import type { App } from "../../api/types";
import { count } from "../../format/number";
import { interval as intervalText, tick } from "../../format/time";
import { Trouble } from "../../ui/Notice";
import { Time } from "../../ui/Time";
import { useNow } from "../../ui/now";
import { replace, useLocation, withQuery } from "../../url/location";
import { delay, pile, rangeOf, ranges, silent, useArrivals, type Interval, type Source } from "./arrivals";
import css from "./Arrivals.module.css";

/** What came in over time and from whom: loss and delay, as far as the wire tells. */
export function Arrivals({ app }: { app: App }) {
  const at = useLocation();
  const range = rangeOf(at.query.get("arrivals"));
  const arrivals = useArrivals(app.id, range);
  const data = arrivals.data;
  return (
    <section className={`panel ${css.panel}`} aria-label="Arrivals">
      <header className={css.head}>
        <h2>Arrivals</h2>
        <SegmentedControl
          size="xs"
          aria-label="Time range of the arrivals"
          data={ranges.map((one) => ({ value: one, label: one }))}
          value={range}
          onChange={(value) => replace(withQuery(at, { arrivals: value === "1h" ? undefined : value }))}
        />
      </header>
      <Trouble error={arrivals.error} />
      {!data ? (
        !arrivals.error && <p className="quiet" role="status">Loading…</p>
      ) : data.sources.length === 0 ? (
        <p className="quiet">Nothing came in within this time.</p>
      ) : (
        <>
          <Bars intervals={data.intervals} seconds={data.interval_seconds} />
          <div className={css.frame}>
            <table className={css.table} aria-label="Sources">
              <thead>
                <tr>
                  <th scope="col">Source</th>
                  <th scope="col">Received</th>
                  <th scope="col">Twice</th>
                  <th scope="col">Rejected</th>
                  <th scope="col" title="Came more than 5 minutes after it happened">Late</th>
                  <th scope="col" title="Happened more than 5 minutes after it came: the sender's clock is wrong">Ahead</th>
                  <th scope="col" title="Half of it came this soon after it happened">Delay p50</th>
                  <th scope="col" title="99 % of it came this soon after it happened">p99</th>
                  <th scope="col">Last</th>
                </tr>
              </thead>
              <tbody>{data.sources.map((one) => <SourceRow key={one.source} source={one} />)}</tbody>
            </table>
          </div>
        </>
      )}
      <p className={css.note}>What a gateway had to drop before it could send is not on the wire: its own metrics tell. Delays are counted in steps, and minutes are kept for a week.</p>
    </section>
  );
}

function SourceRow({ source }: { source: Source }) {
  const quiet = silent(source, useNow());
  return (
    <tr>
      <th scope="row" title={source.source}>{source.source}</th>
      <td>{count(source.received)}</td>
      <Number n={source.duplicate} />
      <Number n={source.rejected} bad />
      <Number n={source.late} bad />
      <Number n={source.ahead} bad />
      <td>{delay(source.delay_p50_s)}</td>
      <td>{delay(source.delay_p99_s)}</td>
      <td data-silent={quiet}><Time at={source.last_seen} as="ago" /></td>
    </tr>
  );
}

/** Zeros step back, so that what is not zero stands out. */
function Number({ n, bad = false }: { n: number; bad?: boolean }) {
  return <td className={n === 0 ? "quiet" : undefined} data-bad={bad && n > 0}>{count(n)}</td>;
}

function Bars({ intervals, seconds }: { intervals: Interval[]; seconds: number }) {
  const highest = Math.max(...intervals.map((one) => one.received), 1);
  const step = seconds * 1000;
  const ends = [intervals[0], intervals.at(-1)].map((one) => new Date(one?.t ?? 0));
  const span = intervals.length * step;
  return (
    <figure className={css.figure}>
      <div className={css.bars} role="img" aria-label={`Items by ${seconds === 60 ? "minute" : `${seconds / 60} minutes`}, at most ${count(highest)}`}>
        {intervals.map((one) => {
          const heights = pile(one, highest);
          const words = `${intervalText(new Date(one.t), step)}: ${count(one.received)} received, ${count(one.duplicate)} twice, ${count(one.rejected)} rejected, ${count(one.late)} late, delay p99 ${delay(one.delay_p99_s)}`;
          return (
            <span key={one.t} className={css.bar} title={words} data-late={one.late > 0}>
              <i data-tone="refused" style={{ height: `${heights.refused}%` }} />
              <i data-tone="twice" style={{ height: `${heights.twice}%` }} />
              <i data-tone="stored" style={{ height: `${heights.fresh}%` }} />
            </span>
          );
        })}
      </div>
      <figcaption className={css.axis}>
        {ends.map((end, i) => <span key={i}>{tick(end, step, span)}</span>)}
      </figcaption>
      <ul className={css.legend}>
        <li><i data-tone="stored" />New</li>
        <li><i data-tone="twice" />Twice</li>
        <li><i data-tone="refused" />Rejected</li>
        <li><i data-tone="late" />Something late</li>
      </ul>
    </figure>
  );
}
