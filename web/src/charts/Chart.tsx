import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, TooltipComponent } from "echarts/components";
import { init, use as register, type ECharts } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import "./chart.css";
import { chartOption, instants, type Drawing } from "./option";

register([BarChart, LineChart, GridComponent, TooltipComponent, CanvasRenderer]);

interface Props extends Omit<Drawing, "color"> {
  label: string;
  height: number;
  /** The group under the pointer in the table beneath, brought out in the chart. */
  highlight?: string;
  /** A group was pressed. */
  onGroup?: (key: string) => void;
  /** A span of time was marked by dragging. */
  onSpan?: (from: Date, to: Date) => void;
}

/** A chart over time. Pressing a group and marking a span are for the caller to act on. */
export function Chart({ label, height, highlight, onGroup, onSpan, ...drawing }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [chart, setChart] = useState<ECharts>();
  const scheme = useComputedColorScheme("light");
  const { series, before, by, metric, quantile } = drawing;

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

  useEffect(() => {
    const style = getComputedStyle(document.documentElement);
    const color = (variable: string) => style.getPropertyValue(variable).trim();
    chart?.setOption({ textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 12 }, ...chartOption({ series, before, by, metric, quantile, color }) }, { notMerge: true });
  }, [chart, scheme, series, before, by, metric, quantile]);

  useEffect(() => {
    chart?.dispatchAction({ type: "downplay" });
    if (highlight !== undefined) chart?.dispatchAction({ type: "highlight", seriesName: highlight });
  }, [chart, highlight]);

  const act = useRef({ onGroup, onSpan, series });
  useEffect(() => {
    act.current = { onGroup, onSpan, series };
  });
  useEffect(() => {
    if (!chart || !box.current) return;
    return handle(chart, box.current, {
      group: (key) => act.current.onGroup?.(key),
      span: (from, to) => {
        const times = instants(act.current.series);
        const step = act.current.series.interval_seconds * 1000;
        const [start, end] = [times[Math.min(from, to)], times[Math.max(from, to)]];
        if (start !== undefined && end !== undefined) act.current.onSpan?.(new Date(start), new Date(end + step));
      },
    });
  }, [chart]);

  return <div ref={box} role="img" aria-label={label} className="chart" style={{ height }} />;
}

const least = 8; // pixels of a drag; less is a press

/** Tells a press on a group from a drag over a span, given as indices of the axis. */
function handle(chart: ECharts, box: HTMLElement, on: { group: (key: string) => void; span: (from: number, to: number) => void }): () => void {
  let start: number | undefined;
  let dragged = false;
  const mark = document.createElement("div");
  mark.className = "chart-mark";

  const index = (x: number) => Number(chart.convertFromPixel({ xAxisIndex: 0 }, x));
  const down = ({ offsetX, offsetY }: { offsetX: number; offsetY: number }) => {
    dragged = false;
    if (chart.containPixel("grid", [offsetX, offsetY])) start = offsetX;
  };
  const move = ({ offsetX }: { offsetX: number }) => {
    if (start === undefined) return;
    dragged ||= Math.abs(offsetX - start) >= least;
    if (!dragged) return;
    mark.style.left = Math.min(start, offsetX) + "px";
    mark.style.width = Math.abs(offsetX - start) + "px";
    box.append(mark);
  };
  const up = ({ offsetX }: { offsetX: number }) => {
    mark.remove();
    if (start !== undefined && dragged) on.span(index(start), index(offsetX));
    start = undefined;
  };
  const leave = () => {
    mark.remove();
    start = undefined;
  };
  const pressed = (event: { seriesName?: string }) => {
    if (!dragged && event.seriesName !== undefined) on.group(event.seriesName);
  };

  const surface = chart.getZr();
  surface.on("mousedown", down);
  surface.on("mousemove", move);
  surface.on("mouseup", up);
  surface.on("globalout", leave);
  chart.on("click", pressed);
  return () => {
    if (chart.isDisposed()) return;
    surface.off("mousedown", down);
    surface.off("mousemove", move);
    surface.off("mouseup", up);
    surface.off("globalout", leave);
    chart.off("click", pressed);
  };
}
