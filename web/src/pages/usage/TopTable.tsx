import { useMemo } from "react";
import type { GroupBy, Series, Top, TopRow } from "../../api/types";
import { Change } from "../../charts/Tiles";
import { groupColors, groupName } from "../../charts/palette";
import { compact, count, latency, percent, standsOut } from "../../format/number";
import { Icon } from "../../ui/icons";
import { StatusCode } from "../../ui/StatusCode";
import { Time } from "../../ui/Time";
import { replace, useLocation, withQuery } from "../../url/location";
import { canDrill } from "./drill";
import css from "./TopTable.module.css";

interface Props {
  top: Top;
  before: Top | undefined;
  by: GroupBy | undefined;
  /** What the chart shows: its groups lend the rows their colours. */
  chart: Series | undefined;
  stale: boolean;
  onGroup: (key: string) => void;
  onPoint: (key: string | undefined) => void;
}

const columns = [
  { key: "calls", name: "Calls" },
  { key: "errors", name: "Errors" },
  { key: "error_rate", name: "Error rate" },
  { key: "p50_ms", name: "p50" },
  { key: "p95_ms", name: "p95" },
  { key: "p99_ms", name: "p99" },
  { key: "last_seen", name: "Last call" },
] as const;
type Column = (typeof columns)[number]["key"];

const headings: Record<GroupBy, string> = { company: "Company", route: "Route", user: "User", status: "Status", verb: "Verb" };

/** The groups as a table; it is the chart's legend, too. */
export function TopTable({ top, before, by, chart, stale, onGroup, onPoint }: Props) {
  const at = useLocation();
  const sort = sortOf(at.query.get("sort"));
  const rows = useMemo(() => sorted(top.rows, sort), [top.rows, sort]);
  const then = useMemo(() => new Map(before?.rows.map((row) => [row.key, row])), [before]);
  const colors = groupColors(chart?.groups ?? [], by);
  const most = Math.max(1, ...top.rows.map((row) => row.calls));
  const sortBy = (column: Column) => replace(withQuery(at, { sort: sort.column === column && sort.down ? column : "-" + column }));

  return (
    <div className={`panel ${css.frame}`} data-stale={stale}>
      <table className={css.table} aria-label="Usage by group">
        <thead>
          <tr>
            <th scope="col">{by ? headings[by] : "Calls"}</th>
            {columns.map(({ key, name }) => (
              <th key={key} scope="col" aria-sort={sort.column === key ? (sort.down ? "descending" : "ascending") : undefined}>
                <button type="button" className="plain" onClick={() => sortBy(key)}>
                  {sort.column === key && <Icon name={sort.down ? "down" : "up"} size={11} />}
                  {name}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {by && <Row row={{ key: "", ...top.total }} name="All" before={before?.total.calls} all />}
          {rows.map((row) => (
            <Row
              key={row.key}
              row={row}
              name={groupName(row.key, by)}
              status={by === "status" && row.key !== ""}
              color={colors.get(row.key)}
              share={row.calls / most}
              ofAll={top.total.error_rate}
              before={before ? (then.get(row.key)?.calls ?? 0) : undefined}
              onPress={canDrill(row.key, by) ? () => onGroup(row.key) : undefined}
              onPoint={(on) => onPoint(on && colors.has(row.key) ? row.key : undefined)}
            />
          ))}
        </tbody>
      </table>
      {top.rows.length >= 100 && <p className={css.note}>The first 100. Narrow the filter to see others.</p>}
    </div>
  );
}

interface RowProps {
  row: TopRow;
  name: string;
  status?: boolean;
  color?: string;
  /** Calls against the largest row: 0 to 1. */
  share?: number;
  /** The error rate of all calls, to stand out against. */
  ofAll?: number;
  before: number | undefined;
  all?: boolean;
  onPress?: () => void;
  onPoint?: (on: boolean) => void;
}

function Row({ row, name, status, color, share, ofAll, before, all, onPress, onPoint }: RowProps) {
  const label = status ? <StatusCode status={Number(row.key)} /> : name;
  return (
    <tr className={css.row} data-all={all} data-press={onPress !== undefined} onClick={onPress} onPointerEnter={() => onPoint?.(true)} onPointerLeave={() => onPoint?.(false)}>
      <th scope="row" title={name}>
        <span className={css.swatch} style={color ? { background: `var(${color})` } : undefined} aria-hidden="true" />
        {onPress ? (
          <button type="button" className={`plain ${css.name}`} aria-label={`Only ${name}`} onFocus={() => onPoint?.(true)} onBlur={() => onPoint?.(false)}>{label}</button>
        ) : (
          <span className={row.key === "" && !all ? "quiet" : undefined}>{label}</span>
        )}
      </th>
      <td className={css.calls}>
        <Change now={row.calls} before={before} bad="none" />
        <span className={css.count} title={count(row.calls)}>{compact(row.calls)}</span>
        <span className={css.share} data-empty={share === undefined} aria-hidden="true"><span style={{ width: `${(share ?? 0) * 100}%` }} /></span>
      </td>
      <td title={count(row.errors)}>{row.errors === 0 ? <span className="quiet">0</span> : compact(row.errors)}</td>
      <td data-high={ofAll !== undefined && standsOut(row.error_rate, ofAll)}>{row.errors === 0 ? <span className="quiet">0%</span> : percent(row.error_rate)}</td>
      <td>{latency(row.p50_ms)}</td>
      <td>{latency(row.p95_ms)}</td>
      <td>{latency(row.p99_ms)}</td>
      <td><Time at={row.last_seen} as="ago" /></td>
    </tr>
  );
}

interface Sort {
  column: Column;
  down: boolean;
}

function sortOf(text: string | null): Sort {
  const column = columns.find(({ key }) => key === text?.replace(/^-/, ""))?.key;
  return column ? { column, down: text?.startsWith("-") ?? true } : { column: "calls", down: true };
}

function sorted(rows: TopRow[], { column, down }: Sort): TopRow[] {
  const value = (row: TopRow) => (column === "last_seen" ? Date.parse(row.last_seen ?? "") || 0 : (row[column] ?? -1));
  return [...rows].sort((a, b) => (down ? value(b) - value(a) : value(a) - value(b)));
}
