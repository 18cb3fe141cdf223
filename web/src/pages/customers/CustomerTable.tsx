import { useMemo } from "react";
import type { CustomerKind, CustomerSort, Series } from "../../api/types";
import { compact, count, latency, percent, standsOut } from "../../format/number";
import { length } from "../../format/time";
import { Icon } from "../../ui/icons";
import { useNow } from "../../ui/now";
import { Sparkline } from "../../ui/Sparkline";
import { Time } from "../../ui/Time";
import { go } from "../../url/location";
import type { Customer } from "./customer";
import css from "./CustomerTable.module.css";
import { condense, standing, type Standing } from "./standing";

interface Props {
  kind: CustomerKind;
  rows: Customer[];
  loading: boolean;
  stale: boolean;
  /** The calls of the largest customers over time. */
  series: Series | undefined;
  /** The error rate of all calls, to stand out against. */
  ofAll: number;
  sort: CustomerSort;
  onSort: (sort: CustomerSort) => void;
  /** The address of a customer's own page. */
  open: (customer: Customer) => string;
}

/** Customers, one a row; narrow screens get a card each. */
export function CustomerTable({ kind, rows, loading, stale, series, ofAll, sort, onSort, open }: Props) {
  const now = useNow();
  const points = useMemo(() => new Map(series?.groups.map((g) => [g.key, g.points])), [series]);
  const head = (name: string, by: CustomerSort, again: CustomerSort = by) => {
    const chosen = sort === by || sort === again;
    const ascending = sort === "last_seen" || sort === "name";
    return (
      <th role="columnheader" scope="col" aria-sort={chosen ? (ascending ? "ascending" : "descending") : undefined}>
        <button type="button" className="plain" onClick={() => onSort(sort === by ? again : by)}>
          {chosen && <Icon name={ascending ? "up" : "down"} size={11} />}
          {name}
        </button>
      </th>
    );
  };
  return (
    <div className={`panel ${css.frame}`} data-stale={stale}>
      <table className={css.table} role="table" aria-label={kind === "companies" ? "Companies" : "Users"} aria-busy={loading}>
        <thead role="rowgroup">
          <tr role="row">
            {head(kind === "companies" ? "Company" : "User", "name")}
            <th role="columnheader" scope="col">Activity</th>
            {head("Calls", "calls")}
            {head("Errors", "errors")}
            <th role="columnheader" scope="col" className={css.wide}>p50</th>
            {head("p95", "p95_ms")}
            <th role="columnheader" scope="col">{kind === "companies" ? "Users" : "Company"}</th>
            {head("Last call", "-last_seen", "last_seen")}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => {
            const own = points.get(row.id);
            return <Row key={row.id} row={row} kind={kind} ofAll={ofAll} href={open(row)} values={own && condense(own.map((p) => p.calls), 36)} standing={standing(row.last_seen, row.calls, own, now)} now={now} />;
          })}
        </tbody>
      </table>
      {loading && <p className={css.loading} role="status">Loading…</p>}
    </div>
  );
}

interface RowProps {
  row: Customer;
  kind: CustomerKind;
  href: string;
  ofAll: number;
  values: number[] | undefined;
  standing: Standing;
  now: Date;
}

function Row({ row, kind, href, ofAll, values, standing, now }: RowProps) {
  return (
    // The name is the row's link: the keyboard has it there.
    <tr role="row" className={css.row} data-standing={standing} onClick={(event) => {
      if (!(event.target as HTMLElement).closest("a")) go(href);
    }}>
      <td role="cell" className={css.name}>
        <a data-opens href={href}>{row.name || row.id}</a>
        {(row.name || row.detail) && <span className={css.detail}>{row.name ? row.id : ""}{row.name && row.detail ? ", " : ""}{row.detail}</span>}
      </td>
      <td role="cell" className={css.activity}>{values ? <Sparkline values={values} label={`Calls of ${row.id} over time`} /> : <span className="quiet">–</span>}</td>
      <td role="cell" data-label="Calls" title={count(row.calls)}>{compact(row.calls)}</td>
      <td role="cell" data-label="Errors" data-high={standsOut(row.error_rate, ofAll)} title={`${count(row.errors)} calls`}>{row.calls === 0 ? <span className="quiet">–</span> : row.errors === 0 ? <span className="quiet">0%</span> : percent(row.error_rate)}</td>
      <td role="cell" data-label="p50" className={css.wide}>{latency(row.p50_ms)}</td>
      <td role="cell" data-label="p95">{latency(row.p95_ms)}</td>
      <td role="cell" data-label={kind === "companies" ? "Users" : "Company"} className={css.other}>{kind === "companies" ? count(row.users ?? 0) : row.company || <span className="quiet">–</span>}</td>
      <td role="cell" className={css.seen}>
        {standing === "active" ? <Time at={row.last_seen} as="ago" /> : <Silence row={row} standing={standing} now={now} />}
      </td>
    </tr>
  );
}

const silences = { stopped: "Stopped", quiet: "Quiet" };

function Silence({ row, standing, now }: { row: Customer; standing: "stopped" | "quiet"; now: Date }) {
  if (!row.last_seen) return <span className="quiet">never called</span>;
  return (
    <span className={css.silence} data-standing={standing} title={standing === "stopped" ? "Silent for more than twice as long as ever before in this span" : "Silent for longer than ever before in this span"}>
      {silences[standing]} {length(now.getTime() - Date.parse(row.last_seen))}
    </span>
  );
}
