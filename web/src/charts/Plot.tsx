import { useComputedColorScheme } from "@mantine/core";
import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, TooltipComponent } from "echarts/components";
import { init, use as register, type ECharts } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { useEffect, useRef, useState } from "react";
import "./chart.css";
import { labelled } from "./option";
import { interval as intervalText, tick } from "../format/time";

register([BarChart, LineChart, GridComponent, TooltipComponent, CanvasRenderer]);

/** One line or pile of a plot. */
export interface PlotLayer {
  name: string;
  /** A CSS variable. */
  color: string;
  values: (number | null)[];
  /** Drawn thin and dashed: the range before. */
  faint?: boolean;
}

interface Props {
  label: string;
  height: number;
  kind: "line" | "stacked" | "bar";
  /** Begins of the intervals, RFC 3339. */
  times: string[];
  step: number;
  layers: PlotLayer[];
  format: (value: number | null | undefined) => string;
  /** Is called with a way to make a picture of the plot. */
  onReady?: (picture: () => string) => void;
}

/** Lines, areas or bars over time. */
export function Plot({ label, height, kind, times, step, layers, format, onReady }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [chart, setChart] = useState<ECharts>();
  const scheme = useComputedColorScheme("light");

  useEffect(() => {
    if (!box.current) return;
    const made = init(box.current);
    setChart(made);
    const resize = new ResizeObserver(() => made.resize());
    resize.observe(box.current);
    return () => {
      resize.disconnect();
      made.dispose();
    };
  }, []);

  const ready = useRef(onReady);
  useEffect(() => {
    ready.current = onReady;
  });
  useEffect(() => {
    if (!chart) return;
    const style = getComputedStyle(document.documentElement);
    ready.current?.(() => chart.getDataURL({ type: "png", pixelRatio: 2, backgroundColor: style.getPropertyValue("--panel").trim() }));
  }, [chart]);

  useEffect(() => {
    const style = getComputedStyle(document.documentElement);
    const color = (variable: string) => style.getPropertyValue(variable).trim();
    const at = times.map((t) => Date.parse(t));
    const span = (at.at(-1) ?? 0) - (at[0] ?? 0) + step;
    chart?.setOption(
      {
        animation: false,
        textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 12 },
        grid: { left: 4, right: 8, top: 12, bottom: 2, containLabel: true },
        xAxis: {
          type: "category",
          data: at.map(String),
          boundaryGap: kind === "bar",
          axisLine: { lineStyle: { color: color("--line-strong") } },
          axisTick: { show: false },
          axisLabel: { color: color("--ink-3"), hideOverlap: true, alignMinLabel: "left", alignMaxLabel: "right", interval: labelled(at, step, span), formatter: (t: string) => tick(new Date(Number(t)), step, span) },
        },
        yAxis: { type: "value", min: (of: { min: number }) => Math.min(0, of.min), splitNumber: 4, splitLine: { lineStyle: { color: color("--line") } }, axisLabel: { color: color("--ink-3"), formatter: format } },
        tooltip: {
          trigger: "axis",
          confine: true,
          padding: 0,
          borderWidth: 0,
          backgroundColor: "transparent",
          extraCssText: "box-shadow:none;",
          axisPointer: { type: kind === "bar" ? "shadow" : "line", lineStyle: { color: color("--line-strong"), type: "solid" }, shadowStyle: { color: color("--line"), opacity: 0.4 } },
          formatter: (points: { dataIndex: number }[]) => tip(layers, points[0]?.dataIndex ?? 0, at, step, format, color),
        },
        series: layers.map((layer, i) => drawn(layer, i, kind, color)),
      },
      { notMerge: true },
    );
  }, [chart, scheme, kind, times, step, layers, format]);

  return <div ref={box} role="img" aria-label={label} className="chart" style={{ height }} />;
}

function drawn(layer: PlotLayer, i: number, kind: Props["kind"], color: (variable: string) => string) {
  const shared = { id: String(i), name: layer.name, color: color(layer.color), data: layer.values };
  if (kind === "bar" && !layer.faint) return { ...shared, type: "bar", stack: "all", barCategoryGap: "18%", barMaxWidth: 28, emphasis: { focus: "series" } };
  const known = layer.values.filter((v) => v !== null).length;
  return {
    ...shared,
    type: "line",
    symbol: "circle",
    symbolSize: 5,
    showSymbol: known < 3 && kind !== "stacked",
    silent: layer.faint,
    connectNulls: false,
    lineStyle: { width: layer.faint ? 1.2 : 1.6, type: layer.faint ? [4, 3] : "solid" },
    ...(kind === "stacked" && !layer.faint ? { stack: "all", areaStyle: { opacity: 0.28 }, data: layer.values.map((v) => v ?? 0) } : {}),
  };
}

// Built from nodes: a group's key comes from a client's request and must never
// be read as markup.
function tip(layers: PlotLayer[], index: number, at: number[], step: number, format: Props["format"], color: (variable: string) => string): HTMLElement {
  const box = element("div", "chart-tip");
  box.append(element("div", "chart-tip-head", intervalText(new Date(at[index] ?? 0), step)));
  const rows = layers.filter((layer) => layer.values[index] !== null && layer.values[index] !== undefined);
  for (const layer of rows.sort((a, b) => Number(a.faint ?? false) - Number(b.faint ?? false) || (b.values[index] ?? 0) - (a.values[index] ?? 0)).slice(0, 16)) {
    const row = element("div", "chart-tip-row");
    const swatch = element("i", "chart-tip-swatch");
    swatch.style.background = color(layer.color);
    row.append(swatch, element("span", "chart-tip-name", layer.name), element("b", "", format(layer.values[index])));
    box.append(row);
  }
  if (rows.length === 0) box.append(element("div", "chart-tip-row", "nothing"));
  return box;
}

function element(tag: string, className: string, text = ""): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
