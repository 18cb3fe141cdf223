import { useMemo } from "react";
import type { AnalysisAnswer, FunnelAnswer, QuestionAnswer, RetentionAnswer } from "../../api/types";
import { Plot, type PlotLayer } from "../../charts/Plot";
import { Change } from "../../charts/Tiles";
import { count, latency, percent } from "../../format/number";
import { day, length } from "../../format/time";
import { useNow } from "../../ui/now";
import { addsUp, exactly, formatOf, isNothing, keysName, metricName, type ChartKind } from "./question";
import css from "./analytics.module.css";

interface Props {
  answer: QuestionAnswer;
  chart: ChartKind;
  height?: number;
  /** Leaves out the table beneath a chart: on a dashboard. */
  brief?: boolean;
  by?: string;
  onReady?: (picture: () => string) => void;
}

/** The answer to a question, drawn. */
export function AnswerView({ answer, chart, height = 260, brief, by, onReady }: Props) {
  if (answer.funnel) return <Funnel funnel={answer.funnel} by={by} />;
  if (answer.retention) return <Retention retention={answer.retention} by={by} />;
  if (!answer.analysis) return null;
  return <Analysis answer={answer.analysis} chart={chart} height={height} brief={brief} onReady={onReady} />;
}

function Analysis({ answer, chart, height, brief, onReady }: { answer: AnalysisAnswer; chart: ChartKind; height: number; brief?: boolean; onReady?: Props["onReady"] }) {
  const metric = answer.metrics[0] ?? "count";
  const layers = useMemo(() => layersOf(answer), [answer]);
  const format = useMemo(() => formatOf(metric), [metric]);
  if (isNothing({ analysis: answer })) return <p className={css.nothing} style={{ height: brief ? height : undefined }} role="status">No calls pass these filters in this span of time.</p>;
  const over = answer.times.length > 0 && chart !== "table";
  // What does not add up cannot be piled up.
  const kind = chart === "stacked" && addsUp(metric) ? "stacked" : chart === "bar" && addsUp(metric) ? "bar" : "line";
  return (
    <>
      {over && <Plot label={`${metricName(metric)} over time`} height={height} kind={kind} times={answer.times} step={answer.interval_seconds * 1000} layers={layers} format={format} onReady={onReady} />}
      {over && brief && layers.length > 1 && <Legend layers={layers} />}
      {!(over && brief) && <Lines answer={answer} layers={over ? layers : []} />}
    </>
  );
}

function layersOf(answer: AnalysisAnswer): PlotLayer[] {
  const first = (points: ((number | null)[] | null)[] | null) => (points ?? []).map((values) => values?.[0] ?? null);
  if (answer.groups.length === 0 && answer.lines[0]) {
    const line = answer.lines[0];
    const layers: PlotLayer[] = [{ name: metricName(answer.metrics[0] ?? "count"), color: "--series-0", values: first(line.points) }];
    if (line.points_before) layers.push({ name: "The span before", color: "--ink-3", values: first(line.points_before), faint: true });
    return layers;
  }
  return answer.lines.map((line, i) => ({
    name: keysName(line.keys, answer.groups, line.others),
    color: line.others ? "--series-others" : `--series-${i % 8}`,
    values: first(line.points),
  }));
}

function Legend({ layers }: { layers: PlotLayer[] }) {
  return (
    <ul className={css.legend}>
      {layers.slice(0, 8).map((layer) => (
        <li key={layer.name}>
          <span className={css.swatch} style={{ background: `var(${layer.color})` }} aria-hidden="true" />
          {layer.name}
        </li>
      ))}
    </ul>
  );
}

/** The groups with their values, the legend of the plot above. */
function Lines({ answer, layers }: { answer: AnalysisAnswer; layers: PlotLayer[] }) {
  const grouped = answer.groups.length > 0;
  return (
    <div className={css.frame}>
      <table className={css.table} aria-label="Answer">
        <thead>
          <tr>
            {(grouped ? answer.groups : ["Calls"]).map((field) => <th key={field} scope="col">{field}</th>)}
            {answer.metrics.map((metric) => <th key={metric} scope="col" className={css.number}>{metricName(metric)}</th>)}
          </tr>
        </thead>
        <tbody>
          {grouped && (
            <tr className={css.all}>
              <th scope="row" colSpan={answer.groups.length}>All</th>
              <Values metrics={answer.metrics} values={answer.total.values} before={answer.total.before} />
            </tr>
          )}
          {answer.lines.filter((line) => !line.others).map((line, i) => (
            <tr key={line.keys.join("\u0000")}>
              {(grouped ? line.keys : ["All"]).map((key, k) => (
                <th key={k} scope="row" title={key}>
                  {k === 0 && layers[i] && grouped && <span className={css.swatch} style={{ background: `var(${layers[i].color})` }} aria-hidden="true" />}
                  {key || <span className="quiet">none</span>}
                </th>
              ))}
              <Values metrics={answer.metrics} values={line.values} before={line.before} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Values({ metrics, values, before }: { metrics: string[]; values: (number | null)[]; before: (number | null)[] | null }) {
  return metrics.map((metric, i) => {
    const value = values[i];
    const bad = /^(errors|error_rate|refused|p\d)/.test(metric) ? "up" : "none";
    return (
      <td key={metric} className={css.number} title={exactly(value)}>
        {before && <Change now={value ?? 0} before={before[i] ?? undefined} bad={bad} />} {formatOf(metric)(value)}
      </td>
    );
  });
}

function Funnel({ funnel, by }: { funnel: FunnelAnswer; by?: string }) {
  const who = by === "company" ? "companies" : "users";
  if (isNothing({ funnel })) return <p className={css.nothing} role="status">Nobody took the first step in this span of time.</p>;
  return (
    <ol className={css.funnel} aria-label="Funnel">
      {funnel.steps.map((step, i) => {
        const last = funnel.steps[i - 1]?.customers ?? 0;
        return (
          <li key={i}>
            <div className={css.stepHead}>
              <b>{i + 1}. {step.name || "Any call"}</b>
              <span>
                <b>{percent(step.share)}</b> <span className="quiet">{count(step.customers)} {who}</span>
              </span>
            </div>
            <div className={css.stepBar} aria-hidden="true"><span style={{ width: `${step.share * 100}%` }} /></div>
            {i > 0 && (
              <p className="quiet">
                {last > 0 && `${percent(step.customers / last)} of those before`}
                {last > step.customers && `, ${count(last - step.customers)} stopped here`}
                {step.median_seconds !== null && step.median_seconds !== undefined && `; half within ${step.median_seconds < 90 ? latency(step.median_seconds * 1000) : length(step.median_seconds * 1000)}`}
              </p>
            )}
          </li>
        );
      })}
    </ol>
  );
}

function Retention({ retention, by }: { retention: RetentionAnswer; by?: string }) {
  const now = useNow();
  const who = by === "company" ? "Companies" : "Users";
  const weeks = retention.cohorts.length;
  if (isNothing({ retention })) return <p className={css.nothing} role="status">Nobody was seen for the first time in these weeks.</p>;
  return (
    <div className={css.frame}>
      <table className={css.table} aria-label="Retention by week">
        <thead>
          <tr>
            <th scope="col">First seen in the week of</th>
            <th scope="col" className={css.number}>{who}</th>
            {Array.from({ length: weeks }, (_, i) => <th key={i} scope="col" className={css.number}>{i === 0 ? "Same week" : `+${i}`}</th>)}
          </tr>
        </thead>
        <tbody>
          {retention.cohorts.map((cohort) => (
            <tr key={cohort.week}>
              {/* Weeks are those of UTC: the reader's zone must not move their Monday. */}
              <th scope="row">{day(new Date(cohort.week.slice(0, 10) + "T12:00:00"), now)}</th>
              <td className={css.number}>{count(cohort.customers)}</td>
              {cohort.active.map((n, i) => {
                const share = cohort.customers > 0 ? n / cohort.customers : 0;
                return (
                  <td key={i} className={css.heat} title={`${count(n)} of ${count(cohort.customers)}`} style={{ background: `color-mix(in srgb, var(--accent) ${Math.round(share * 62)}%, transparent)` }}>
                    {cohort.customers > 0 ? percent(share) : ""}
                  </td>
                );
              })}
              {cohort.active.length < weeks && <td colSpan={weeks - cohort.active.length} />}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
