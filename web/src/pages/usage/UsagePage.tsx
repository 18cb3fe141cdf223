import { Menu, Button, SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { useSeries, useTop, useTopBefore, useSeriesBefore } from "../../api/queries";
import type { App, GroupBy } from "../../api/types";
import { Chart } from "../../charts/Chart";
import type { Metric, Quantile } from "../../charts/option";
import { groupCount } from "../../charts/palette";
import { comparable, Tiles } from "../../charts/Tiles";
import { download } from "../../format/csv";
import { FilterBar } from "../../ui/FilterBar";
import { FirstEvent } from "../../ui/FirstEvent";
import { Icon } from "../../ui/icons";
import { Trouble } from "../../ui/Notice";
import { RangePicker } from "../../ui/RangePicker";
import { filtersFromQuery, isEmpty, queryOfFilters, type Filters } from "../../url/filters";
import { go, href, replace, useLocation, withQuery } from "../../url/location";
import { queryOfRange, rangeFromQuery, rangeLabel, type Range } from "../../url/range";
import { canDrill, drill, ways } from "./drill";
import { seriesCsv, topCsv } from "./export";
import { TopTable } from "./TopTable";
import css from "./UsagePage.module.css";

const metrics: Metric[] = ["calls", "errors", "latency"];
const quantiles: Quantile[] = ["p50", "p95", "p99"];
const wayNames: Record<GroupBy, string> = { company: "Company", route: "Route", user: "User", status: "Status", verb: "Verb" };

/** Who used what: numbers, a chart and a table over a span of time. */
export default function UsagePage({ app }: { app: App }) {
  const at = useLocation();
  const filters = filtersFromQuery(at.query);
  const range = rangeFromQuery(at.query);
  const by = grouping(at.query.get("by"));
  const metric = metrics.find((one) => one === at.query.get("metric")) ?? "calls";
  const quantile = quantiles.find((one) => one === at.query.get("quantile")) ?? "p95";
  const [pointed, setPointed] = useState<string>();

  const question = { app: app.id, filters, range, by };
  const series = useSeries(question, groupCount);
  const seriesBefore = useSeriesBefore(question, by === undefined && metric !== "latency");
  const top = useTop(question);
  const before = useTopBefore(question);
  const error = series.error ?? top.error;

  const set = (change: Record<string, string | undefined>) => go(withQuery(at, change));
  const setFilters = (next: Filters, typing: boolean) => (typing ? replace : go)(withQuery(at, queryOfFilters(next)));
  const setRange = (next: Range) => set(queryOfRange(next));
  const goInto = (key: string) => {
    if (!canDrill(key, by)) return;
    const next = drill(filters, by, key);
    setPointed(undefined);
    set({ ...queryOfFilters(next.filters), by: next.by });
  };
  const save = (what: string, text: string) => download(`gatemeter-${what}-${new Date().toISOString().slice(0, 10)}.csv`, text);

  const total = top.data?.total;
  const then = comparable(total, before.data?.total);
  const nothing = total?.calls === 0;
  return (
    <div className={css.page}>
      <div className={css.tools}>
        <h1 className="unseen">Usage</h1>
        <FilterBar app={app.id} filters={filters} onChange={setFilters} />
        <RangePicker range={range} onChange={setRange} />
      </div>
      <Trouble error={error} />
      {nothing && isEmpty(filters) && before.data?.total.calls === 0 ? (
        <FirstEvent app={app} />
      ) : (
        <>
          <section className="panel" aria-label="Chart" aria-busy={series.isPlaceholderData}>
            <Tiles total={total} before={then} metric={metric} onMetric={(next) => set({ metric: next === "calls" ? undefined : next })} />
            <div className={css.grouping}>
              <span className="quiet" id="grouped">Group by</span>
              <div className={css.ways}>
                <SegmentedControl
                  size="xs"
                  aria-labelledby="grouped"
                  value={by ?? "none"}
                  onChange={(way) => set({ by: way })}
                  data={[...ways.map((way) => ({ value: way, label: wayNames[way] })), { value: "none", label: "Nothing" }]}
                />
              </div>
              {metric === "latency" && by && (
                <SegmentedControl size="xs" aria-label="Percentile" value={quantile} onChange={(next) => set({ quantile: next })} data={quantiles} />
              )}
              <Menu position="bottom-end">
                <Menu.Target>
                  <Button variant="default" size="compact-sm" className={css.export} leftSection={<Icon name="download" size={14} />} disabled={!top.data}>Export</Button>
                </Menu.Target>
                <Menu.Dropdown>
                  <Menu.Item onClick={() => top.data && save(`usage-by-${by ?? "nothing"}`, topCsv(top.data, before.data))}>The table</Menu.Item>
                  <Menu.Item onClick={() => series.data && save(`usage-over-time-by-${by ?? "nothing"}`, seriesCsv(series.data, by))}>The chart, over time</Menu.Item>
                  <Menu.Item component="a" href={href(["settings", "export"], at.query)}>The calls themselves…</Menu.Item>
                </Menu.Dropdown>
              </Menu>
            </div>
            <div className={css.chart} data-stale={series.isPlaceholderData}>
              {series.data && !nothing ? (
                <Chart
                  label={`${metric} over time, ${rangeLabel(range).toLowerCase()}`}
                  height={248}
                  series={series.data}
                  before={then && seriesBefore.data}
                  by={by}
                  metric={metric}
                  quantile={quantile}
                  highlight={pointed}
                  onGroup={goInto}
                  onSpan={(from, to) => setRange({ from: from.toISOString(), to: to.toISOString() })}
                />
              ) : (
                <p className={css.nothing} role="status">{nothing ? "No calls pass this filter in this span of time." : "Loading…"}</p>
              )}
            </div>
          </section>
          {top.data && !nothing && (
            <TopTable top={top.data} before={then && before.data} by={by} chart={series.data} stale={top.isPlaceholderData} onGroup={goInto} onPoint={setPointed} />
          )}
        </>
      )}
    </div>
  );
}

function grouping(text: string | null): GroupBy | undefined {
  if (text === "none") return undefined;
  return ways.find((way) => way === text) ?? "company";
}
