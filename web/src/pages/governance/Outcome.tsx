import type { App, WireEvent } from "../../api/types";
import { compact, count } from "../../format/number";
import { StatusCode, Verb } from "../../ui/StatusCode";
import { Time } from "../../ui/Time";
import { href, useLocation } from "../../url/location";
import { addressOf, statusOf } from "../../wire/event";
import css from "./Outcome.module.css";
import type { DryRun } from "./queries";

const whys: Record<DryRun["reasons"][number]["why"], string> = {
  masked: "is masked in what is stored",
  not_kept: "is not stored",
  cut: "is stored only in part",
};

const many = (n: number, one: string, more: string) => `${count(n)} ${n === 1 ? one : more}`;

/** "Would have blocked 312 calls of 4 companies since 21 Nov, 14:00". */
export function OutcomeWords({ run }: { run: DryRun }) {
  const whose = [
    run.company_count > 0 && many(run.company_count, "company", "companies"),
    run.user_count > 0 && many(run.user_count, "user", "users"),
  ].filter(Boolean).join(" and ");
  return (
    <>
      <p className={css.words}>
        Would have {run.blocks ? "blocked" : "changed the answers of"} <strong>{many(run.applied, "call", "calls")}</strong>
        {whose && <> of <strong>{whose}</strong></>} since <Time at={run.reached} as="full" />, out of {many(run.looked, "call", "calls")}.
      </p>
      {run.already > 0 && <p className={css.note}>{count(run.already)} of them were blocked by a rule anyway.</p>}
      {run.anonymous > 0 && <p className={css.note}>{count(run.anonymous)} of them had neither user nor company.</p>}
      {run.not_governed > 0 && <p className={css.note}>{many(run.not_governed, "call failed its", "calls failed their")} authentication: no rule sees those.</p>}
      {run.unknown > 0 && (
        <p className={css.unsure}>
          Of {many(run.unknown, "more call", "more calls")} it cannot be said: {run.reasons.map((r) => `${r.path.replace(/^request\./, "")} ${whys[r.why]} (${compact(r.calls)})`).join(", ")}.
        </p>
      )}
      {!run.complete && <p className={css.unsure}>There are too many calls to look at all of them: it got back to <Time at={run.reached} as="full" />. Choose a shorter time to be sure.</p>}
    </>
  );
}

/** Who and which calls a rule would have applied to. */
export function OutcomeLists({ app, run }: { app: App; run: DryRun }) {
  const at = useLocation();
  const carried = { app: at.query.get("app") ?? undefined };
  if (run.applied === 0) return null;
  return (
    <div className={css.lists}>
      <Affected title="Companies" more={run.company_count} rows={run.companies} open={(id) => href(["customers", "companies", id], carried)} />
      <Affected title="Users" more={run.user_count} rows={run.users} open={(id) => href(["customers", "users", id], carried)} />
      <Calls app={app} calls={run.calls} />
    </div>
  );
}

const shownCustomers = 10;

function Affected({ title, rows, more, open }: { title: string; rows: DryRun["companies"]; more: number; open: (id: string) => string }) {
  if (rows.length === 0) return null;
  return (
    <table className={css.table} aria-label={`${title} it would have applied to`}>
      <thead><tr><th scope="col">{title}</th><th scope="col" className={css.number}>Calls</th></tr></thead>
      <tbody>
        {rows.slice(0, shownCustomers).map((row) => (
          <tr key={row.id}><td><a href={open(row.id)}>{row.id}</a></td><td className={css.number}>{count(row.calls)}</td></tr>
        ))}
        {more > shownCustomers && <tr><td colSpan={2} className="quiet">and {count(more - shownCustomers)} more</td></tr>}
      </tbody>
    </table>
  );
}

function Calls({ app, calls }: { app: App; calls: WireEvent[] }) {
  return (
    <table className={css.table} aria-label="Calls it would have applied to">
      <thead><tr><th scope="col">The newest calls</th><th scope="col">Was</th><th scope="col" className={css.number}>When</th></tr></thead>
      <tbody>
        {calls.slice(0, 25).map((call) => (
          <tr key={call.transaction_id}>
            <td className={css.call}>
              <Verb verb={call.request.verb} /> <a href={href(["live"], { app: app.id, call: call.transaction_id })}>{addressOf(call).path}</a>
              <span className="quiet"> {[call.company_id, call.user_id].filter(Boolean).join(" · ") || "nobody known"}</span>
            </td>
            <td><StatusCode status={statusOf(call)} /></td>
            <td className={css.number}><Time at={call.request.time} as="ago" /></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
