import { ActionIcon, Button, Menu, Select } from "@mantine/core";
import { useState } from "react";
import { useMay } from "../../api/rights";
import type { App, Dashboard, Question, SavedChart, Tile } from "../../api/types";
import { CopyButton } from "../../ui/CopyButton";
import { Icon } from "../../ui/icons";
import { Notice, Trouble } from "../../ui/Notice";
import { go, useLocation } from "../../url/location";
import { AnswerView } from "./AnswerView";
import { Confirm, NameDialog } from "./DashboardsPage";
import { EmbedDialog } from "./EmbedDialog";
import { hrefHere, hrefOf } from "./question";
import { useAnswer, useCharts, useDashboards, useDelete, useSaveDashboard } from "./queries";
import css from "./analytics.module.css";

/** Charts side by side, in an order and sizes of one's own. */
export function DashboardPage({ app, id }: { app: App; id: string }) {
  const at = useLocation();
  const dashboards = useDashboards(app.id);
  const charts = useCharts(app.id);
  const save = useSaveDashboard(app.id);
  const remove = useDelete(app.id, "dashboards");
  const may = useMay();
  const [dialog, setDialog] = useState<"name" | "embed" | "delete">();
  const board = dashboards.data?.find((one) => one.id === id);
  if (!board) {
    return (
      <div className={css.page}>
        <Trouble error={dashboards.error} />
        {dashboards.data ? <p className={css.nothing}>There is no such dashboard, or it is not shared with you. <a href={hrefHere(at, ["dashboards"])}>All dashboards</a></p> : !dashboards.error && <p className={css.nothing} role="status">Loading…</p>}
      </div>
    );
  }
  const mine = board.mine && may("charts:write");
  // What is being saved is shown at once.
  const tiles = (save.isPending ? save.variables.tiles : board.tiles) ?? [];
  const put = (next: Tile[]) => save.mutate({ ...draftOf(board), tiles: next });
  const rest = (charts.data ?? []).filter((chart) => !tiles.some((tile) => tile.chart === chart.id));
  return (
    <div className={css.page}>
      <div className={css.tools}>
        <h1>{board.name}</h1>
        <div className={css.actions}>
          {mine && <Select size="xs" aria-label="Add a chart" placeholder="Add a chart" data={rest.map((chart) => ({ value: chart.id ?? "", label: chart.name }))} value={null} onChange={(chart) => chart && put([...tiles, { chart, width: 6, height: 2 }])} />}
          <CopyButton text={() => window.location.href} label="Copy link" />
          {may("charts:embed") && <Button size="xs" variant="default" onClick={() => setDialog("embed")}>Embed</Button>}
          {mine && (
            <Menu position="bottom-end">
              <Menu.Target><Button size="xs" variant="default" rightSection={<Icon name="chevron" size={12} />}>More</Button></Menu.Target>
              <Menu.Dropdown>
                <Menu.Item onClick={() => setDialog("name")}>Rename, share</Menu.Item>
                <Menu.Item color="red" onClick={() => setDialog("delete")}>Delete</Menu.Item>
              </Menu.Dropdown>
            </Menu>
          )}
        </div>
      </div>
      {save.error && <Notice tone="bad">{save.error.message}</Notice>}
      {tiles.length === 0 && <p className={css.nothing}>No charts yet.{mine && <> Add one above, or <a href={hrefHere(at, ["questions"])}>ask a question</a> and keep it here.</>}</p>}
      <div className={css.grid}>
        {tiles.map((tile, i) => (
          <TileView
            key={tile.chart}
            app={app.id}
            tile={tile}
            chart={charts.data?.find((one) => one.id === tile.chart)}
            loading={!charts.data}
            onMove={mine ? (by) => put(moved(tiles, i, i + by)) : undefined}
            onSize={(size) => put(tiles.map((one, k) => (k === i ? { ...one, ...size } : one)))}
            onRemove={() => put(tiles.filter((_, k) => k !== i))}
          />
        ))}
      </div>
      {dialog === "name" && <NameDialog app={app.id} board={board} onClose={() => setDialog(undefined)} onSaved={() => undefined} />}
      {dialog === "embed" && <EmbedDialog app={app.id} of={{ dashboard: id }} onClose={() => setDialog(undefined)} />}
      {dialog === "delete" && (
        <Confirm
          title={`Delete the dashboard “${board.name}”?`}
          text="Its charts stay. Links that embed it end. This cannot be undone."
          pending={remove.isPending}
          error={remove.error}
          onClose={() => setDialog(undefined)}
          onConfirm={() => remove.mutate(id, { onSuccess: () => go(hrefHere(at, ["dashboards"])) })}
        />
      )}
    </div>
  );
}

function draftOf(board: Dashboard) {
  return { id: board.id, name: board.name, description: board.description, shared: board.shared };
}

export function moved<T>(list: T[], from: number, to: number): T[] {
  const next = [...list];
  const [one] = next.splice(from, 1);
  if (one !== undefined) next.splice(Math.max(0, to), 0, one);
  return next;
}

interface TileProps {
  app: string;
  tile: Tile;
  chart?: SavedChart;
  loading: boolean;
  onMove?: (by: number) => void;
  onSize: (size: Partial<Tile>) => void;
  onRemove: () => void;
}

const widths = [{ width: 4, name: "A third" }, { width: 6, name: "Half" }, { width: 8, name: "Two thirds" }, { width: 12, name: "Whole width" }];
const heights = [{ height: 1, name: "Low" }, { height: 2, name: "Middle" }, { height: 3, name: "High" }];

function TileView({ app, tile, chart, loading, onMove, onSize, onRemove }: TileProps) {
  const at = useLocation();
  return (
    <section className={`panel ${css.tile}`} style={{ gridColumn: `span ${tile.width}` }} aria-label={chart?.name ?? "Chart"}>
      <header>
        <h2>{chart ? <a href={hrefOf(chart.question, at.query.get("app"), chart.id)}>{chart.name}</a> : "Chart"}</h2>
        {onMove && (
          <Menu position="bottom-end">
            <Menu.Target><ActionIcon variant="subtle" color="gray" size="sm" aria-label={`Place of ${chart?.name ?? "the chart"}`}><Icon name="chevron" size={14} /></ActionIcon></Menu.Target>
            <Menu.Dropdown>
              <Menu.Item onClick={() => onMove(-1)}>Earlier</Menu.Item>
              <Menu.Item onClick={() => onMove(1)}>Later</Menu.Item>
              <Menu.Divider />
              {widths.map(({ width, name }) => <Menu.Item key={width} onClick={() => onSize({ width })} rightSection={tile.width === width && <Icon name="check" size={14} />}>{name}</Menu.Item>)}
              <Menu.Divider />
              {heights.map(({ height, name }) => <Menu.Item key={height} onClick={() => onSize({ height })} rightSection={tile.height === height && <Icon name="check" size={14} />}>{name}</Menu.Item>)}
              <Menu.Divider />
              <Menu.Item onClick={onRemove}>Take off the dashboard</Menu.Item>
            </Menu.Dropdown>
          </Menu>
        )}
      </header>
      {chart ? <Body app={app} question={chart.question} height={tile.height} /> : <p className={css.nothing}>{loading ? "Loading…" : "This chart is gone, or not shared with you."}</p>}
    </section>
  );
}

function Body({ app, question, height }: { app: string; question: Question; height: number }) {
  const answer = useAnswer(app, question);
  if (!answer.data) return answer.error ? <Trouble error={answer.error} /> : <p className={css.nothing} role="status">Loading…</p>;
  return <div className={css.tileBody} style={{ maxHeight: tileHeight(height) }}><AnswerView answer={answer.data} chart={(question.chart || "line")} by={question.by} height={tileHeight(height) - 40} brief /></div>;
}

/** The height of a tile's body in pixels. */
export function tileHeight(rows: number): number {
  return 60 + rows * 100;
}
