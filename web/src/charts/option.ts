import type { EChartsCoreOption } from "echarts/core";
import type { GroupBy, Point, Series } from "../api/types";
import { compact, count, latency } from "../format/number";
import { interval as intervalText, tick } from "../format/time";
import { groupColors, groupName } from "./palette";

export type Metric = "calls" | "errors" | "latency";
export type Quantile = "p50" | "p95" | "p99";

export interface Drawing {
  series: Series;
  /** The span before, drawn behind a chart without groups. */
  before?: Series;
  by: GroupBy | undefined;
  metric: Metric;
  quantile: Quantile;
  /** Resolves a CSS variable to its colour in the present scheme. */
  color: (variable: string) => string;
}

/** One line or pile of the chart. name is the group's key. */
interface Layer {
  key: string;
  name: string;
  color: string;
  values: (number | null)[];
  faint?: boolean;
}

const quantiles: Quantile[] = ["p50", "p95", "p99"];

/** The instants of the points, in order. */
export function instants(series: Series): number[] {
  return (series.groups[0]?.points ?? []).map((p) => Date.parse(p.t));
}

/** What a chart shows, as ECharts takes it. */
export function chartOption(d: Drawing): EChartsCoreOption {
  const times = instants(d.series);
  const step = d.series.interval_seconds * 1000;
  const span = (times.at(-1) ?? 0) - (times[0] ?? 0) + step;
  const layers = layersOf(d);
  const format = d.metric === "latency" ? latency : compact;
  const ink = d.color("--ink-3");
  return {
    animation: false,
    grid: { left: 4, right: 8, top: 12, bottom: 2, containLabel: true },
    xAxis: {
      type: "category",
      data: times.map(String),
      boundaryGap: d.metric !== "latency",
      axisLine: { lineStyle: { color: d.color("--line-strong") } },
      axisTick: { show: false },
      axisLabel: { color: ink, hideOverlap: true, alignMinLabel: "left", alignMaxLabel: "right", interval: labelled(times, step, span), formatter: (t: string) => tick(new Date(Number(t)), step, span) },
    },
    yAxis: {
      type: "value",
      min: 0,
      minInterval: d.metric === "latency" ? undefined : 1,
      splitNumber: 4,
      splitLine: { lineStyle: { color: d.color("--line") } },
      axisLabel: { color: ink, formatter: (v: number) => format(v) },
    },
    tooltip: {
      trigger: "axis",
      confine: true,
      padding: 0,
      borderWidth: 0,
      backgroundColor: "transparent",
      extraCssText: "box-shadow:none;",
      axisPointer: { type: d.metric === "latency" ? "line" : "shadow", lineStyle: { color: d.color("--line-strong"), type: "solid" }, shadowStyle: { color: d.color("--line"), opacity: 0.4 } },
      formatter: (points: { dataIndex: number }[]) => tooltip(layers, points[0]?.dataIndex ?? 0, times, step, d.metric),
    },
    series: layers.map((layer) => ({
      id: layer.key || layer.name,
      name: layer.key,
      ...(d.metric === "latency" || layer.faint ? line(layer) : pile(layer)),
    })),
  };
}

function line(layer: Layer) {
  return {
    type: "line",
    data: layer.values,
    symbol: "circle",
    symbolSize: 5,
    // A point between two silent intervals has no line: it shows as a dot.
    showSymbol: layer.values.filter((v) => v !== null).length < 3 || isolated(layer.values),
    showAllSymbol: true,
    connectNulls: false,
    triggerLineEvent: true,
    silent: layer.faint,
    color: layer.color,
    lineStyle: { width: layer.faint ? 1.2 : 1.6, type: layer.faint ? [4, 3] : "solid" },
    emphasis: { focus: "series", lineStyle: { width: 2.2 } },
    blur: { lineStyle: { opacity: 0.25 } },
  };
}

function pile(layer: Layer) {
  return {
    type: "bar",
    stack: "all",
    data: layer.values,
    color: layer.color,
    barCategoryGap: "18%",
    barMaxWidth: 28,
    emphasis: { focus: "series" },
    blur: { itemStyle: { opacity: 0.25 } },
  };
}

function isolated(values: (number | null)[]): boolean {
  return values.some((v, i) => v !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null);
}

function layersOf(d: Drawing): Layer[] {
  const { groups } = d.series;
  if (d.metric === "latency" && !d.by) {
    const points = groups[0]?.points ?? [];
    return quantiles.map((q, i) => ({ key: q, name: q, color: d.color(`--series-${i}`), values: points.map((p) => p[`${q}_ms`]) }));
  }
  const value = (p: Point) => (d.metric === "latency" ? p[`${d.quantile}_ms`] : p[d.metric]);
  const colors = groupColors(groups, d.by);
  const layers: Layer[] = groups.map((g) => ({
    key: g.key,
    name: groupName(g.key, d.by),
    color: d.color(d.metric === "errors" && !d.by ? "--bad" : (colors.get(g.key) ?? "--series-0")),
    values: g.points.map(value),
  }));
  const before = d.before?.groups[0]?.points;
  if (before && !d.by) {
    const length = groups[0]?.points.length ?? 0;
    layers.push({ key: "(before)", name: "The span before", color: d.color("--ink-3"), values: before.slice(0, length).map(value), faint: true });
  }
  return layers;
}

/** Tells which ticks carry a label: round hours or midnights, about eight of them. */
export function labelled(times: number[], step: number, span: number): (index: number) => boolean {
  const round = [1, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200].map((m) => m * 60_000);
  const every = round.find((r) => r >= step && span / r <= 9) ?? Math.ceil(span / 9 / 86_400_000) * 86_400_000;
  return (index) => {
    const at = new Date(times[index] ?? 0);
    const local = at.getTime() - at.getTimezoneOffset() * 60_000;
    // An interval that holds the round instant carries its label.
    return local % every < step;
  };
}

// Built from nodes: a group's key comes from a client's request and must never
// be read as markup.
function tooltip(layers: Layer[], index: number, times: number[], step: number, metric: Metric): HTMLElement {
  const box = element("div", "chart-tip");
  box.append(element("div", "chart-tip-head", intervalText(new Date(times[index] ?? 0), step)));
  const format = metric === "latency" ? latency : (n: number | null) => count(n ?? 0);
  const rows = layers.filter((layer) => layer.values[index] || layer.faint || layers.length === 1);
  for (const layer of rows.sort((a, b) => Number(a.faint ?? false) - Number(b.faint ?? false) || (b.values[index] ?? 0) - (a.values[index] ?? 0))) {
    const row = element("div", "chart-tip-row");
    const swatch = element("i", "chart-tip-swatch");
    swatch.style.background = layer.color;
    row.append(swatch, element("span", "chart-tip-name", layer.name), element("b", "", format(layer.values[index] ?? null)));
    box.append(row);
  }
  if (rows.length === 0) box.append(element("div", "chart-tip-row", metric === "errors" ? "no errors" : "no calls"));
  return box;
}

function element(tag: string, className: string, text = ""): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
