import { memo, type MouseEvent } from "react";
import type { WireEvent } from "../api/types";
import { LatencyMeter } from "../ui/LatencyMeter";
import { StatusCode, statusClass, Verb } from "../ui/StatusCode";
import { Time } from "../ui/Time";
import type { Filters } from "../url/filters";
import { addressOf, durationOf, facts, statusOf } from "../wire/event";
import css from "./CallTable.module.css";
import { callHref, openCall, rowId } from "./open";
import { refusals } from "./words";

interface Props {
  label: string;
  calls: WireEvent[];
  /** The id of the call that is open, or "". */
  open: string;
  /** Ids of calls beneath which some are missing. */
  gaps?: ReadonlySet<string>;
  /** Days are shown where calls are of more than today. */
  withDay?: boolean;
  onFilter: (change: Filters) => void;
}

/** A list of calls; a row opens its call. Narrow screens get two lines a call. */
export function CallTable({ label, calls, open, gaps, withDay = false, onFilter }: Props) {
  return (
    <table className={css.table} role="table" aria-label={label} data-day={withDay}>
      <thead role="rowgroup">
        <tr role="row" className={css.head}>
          <th role="columnheader" scope="col">Time</th>
          <th role="columnheader" scope="col">Status</th>
          <th role="columnheader" scope="col">Verb</th>
          <th role="columnheader" scope="col">Path</th>
          <th role="columnheader" scope="col">Company</th>
          <th role="columnheader" scope="col">User</th>
          <th role="columnheader" scope="col" className={css.right}>Latency</th>
        </tr>
      </thead>
      <tbody role="rowgroup">
        {calls.map((call) => (
          <Row key={call.transaction_id} call={call} open={call.transaction_id === open} gap={gaps?.has(call.transaction_id) ?? false} withDay={withDay} onFilter={onFilter} />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps {
  call: WireEvent;
  open: boolean;
  gap: boolean;
  withDay: boolean;
  onFilter: (change: Filters) => void;
}

const Row = memo(
  function Row({ call, open, gap, withDay, onFilter }: RowProps) {
    const { path, query } = addressOf(call);
    const { refused, identity } = facts(call);
    const status = statusOf(call);
    const id = call.transaction_id;
    const press = (event: MouseEvent) => {
      // Links and buttons in the row act for themselves, and so does the mouse
      // that has just selected text.
      if ((event.target as HTMLElement).closest("a, button") || window.getSelection()?.toString()) return;
      openCall(id);
    };
    return (
      <>
        {/* The path is the row's link: the keyboard has it there. */}
        <tr role="row" id={rowId(id)} data-call={id} className={css.row} data-open={open} data-class={statusClass(status)} onClick={press}>
          <td role="cell" className={css.time}><Time at={call.request.time} as={withDay ? "full" : "clock"} /></td>
          <td role="cell" className={css.status}><StatusCode status={status} /></td>
          <td role="cell" className={css.verb}><Verb verb={call.request.verb} /></td>
          <td role="cell" className={css.path}>
            <div className={css.where}>
              <a data-opens href={callHref(id)} title={path + query} aria-current={open || undefined} onClick={(event) => {
                if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                event.preventDefault();
                openCall(id);
              }}>
                {path}
                <span className={css.query}>{query}</span>
              </a>
              {refused && <span className={css.badge} title="Answered by the gateway; the backend was not asked">{refusals[refused] ?? refused}</span>}
              {call.blocked_by && refused !== "blocked" && <span className={css.badge}>Blocked</span>}
            </div>
          </td>
          <td role="cell" className={css.company}><Who kind="company" id={call.company_id} onFilter={onFilter} /></td>
          <td role="cell" className={css.user}>
            <Who kind="user" id={call.user_id} onFilter={onFilter} />
            {call.user_id && identity === "claimed" && <span className={css.claimed} title="Claimed: the token that says so was not validated" aria-label="claimed">?</span>}
          </td>
          <td role="cell" className={css.latency}><LatencyMeter ms={durationOf(call)} /></td>
        </tr>
        {gap && (
          <tr role="row" className={css.gap}>
            <td role="cell" colSpan={7}>More calls arrived here than the list asked for</td>
          </tr>
        )}
      </>
    );
  },
  // onFilter is made anew on every draw, and does the same from any of them.
  (a, b) => a.call === b.call && a.open === b.open && a.gap === b.gap && a.withDay === b.withDay,
);

function Who({ kind, id, onFilter }: { kind: "company" | "user"; id: string | undefined; onFilter: (change: Filters) => void }) {
  if (!id) return <span className="quiet" aria-label={`no ${kind}`}>–</span>;
  return (
    <button type="button" className={`plain ${css.who}`} title={`Only calls of ${kind} ${id}`} onClick={() => onFilter({ [kind]: id })}>
      {id}
    </button>
  );
}
