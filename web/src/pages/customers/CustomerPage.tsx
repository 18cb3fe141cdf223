import { useState } from "react";
import { useProfile, useRecentCalls, useSeries, useSeriesBefore, useTop, useTopBefore } from "../../api/queries";
import { useMay } from "../../api/rights";
import type { App, CustomerKind, GroupBy, Profile } from "../../api/types";
import { CallDrawer } from "../../calls/CallDrawer";
import { CallTable } from "../../calls/CallTable";
import { useCallKeys } from "../../calls/useCallKeys";
import { Chart } from "../../charts/Chart";
import type { Metric } from "../../charts/option";
import { comparable, Tiles } from "../../charts/Tiles";
import { EraseDialog } from "../../erase/EraseDialog";
import { compact, latency, percent } from "../../format/number";
import { Icon } from "../../ui/icons";
import { Notice, Trouble } from "../../ui/Notice";
import { useNow } from "../../ui/now";
import { RangePicker } from "../../ui/RangePicker";
import { Time } from "../../ui/Time";
import { queryOfFilters, type Filters } from "../../url/filters";
import { go, href, useLocation, withQuery } from "../../url/location";
import { queryOfRange, rangeFromQuery, type Range } from "../../url/range";
import css from "./CustomerPage.module.css";
import { standing } from "./standing";
import { StandingPanels } from "./StandingPanels";

interface Props {
  app: App;
  kind: CustomerKind;
  id: string;
}

/** One company or user: who it is, what it used, its last calls. */
export default function CustomerPage({ app, kind, id }: Props) {
  const at = useLocation();
  const range = rangeFromQuery(at.query, "7d");
  const open = at.query.get("call") ?? "";
  const [metric, setMetric] = useState<Metric>("calls");
  const [erasing, setErasing] = useState(false);
  const may = useMay();
  const filters: Filters = kind === "companies" ? { company: id } : { user: id };
  const question = { app: app.id, filters, range };

  const profile = useProfile(app.id, kind, id);
  const series = useSeries(question);
  const seriesBefore = useSeriesBefore(question, metric !== "latency");
  const top = useTop(question);
  const before = useTopBefore(question);
  const recent = useRecentCalls(question, 25);
  useCallKeys(recent.data ?? [], open);

  const then = comparable(top.data?.total, before.data?.total);
  const where = { app: at.query.get("app") ?? undefined, ...queryOfRange(range) };
  const elsewhere = (page: string, change: Filters = {}) => href([page], { ...where, ...queryOfFilters({ ...filters, ...change }) });
  const error = profile.error ?? series.error ?? top.error;
  return (
    <div className={css.frame}>
      <div className={css.page}>
        <a className={css.back} href={href(["customers", kind], where)}>
          <Icon name="arrowLeft" size={14} />
          {kind === "companies" ? "Companies" : "Users"}
        </a>
        <header className={css.head}>
          <div className={css.who}>
            <h1>{profile.data?.name || id}</h1>
            <Facts kind={kind} id={id} profile={profile.data} />
          </div>
          <nav className={css.links} aria-label="This customer elsewhere">
            <a href={elsewhere("live")}>Live calls</a>
            <a href={elsewhere("usage", {}) + "&by=route"}>Usage in depth</a>
            {kind === "companies" && <a href={href(["customers", "users"], { ...where, company: id })}>Its users</a>}
            {may("events:erase") && <button type="button" className={`plain ${css.erase}`} onClick={() => setErasing(true)}>Erase…</button>}
          </nav>
          <RangePicker range={range} onChange={(next: Range) => go(withQuery(at, queryOfRange(next)))} />
        </header>
        <Trouble error={error} />
        <Silence profile={profile.data} calls={top.data?.total.calls} points={series.data?.groups[0]?.points} />

        <section className="panel" aria-label="Chart">
          <Tiles total={top.data?.total} before={then} metric={metric} onMetric={setMetric} />
          <div className={css.chart}>
            {series.data && (
              <Chart label={`${metric} of ${id} over time`} height={200} series={series.data} before={then && seriesBefore.data} by={undefined} metric={metric} quantile="p95" onSpan={(from, to) => go(withQuery(at, queryOfRange({ from: from.toISOString(), to: to.toISOString() })))} />
            )}
          </div>
        </section>

        <div className={css.lists}>
          <Ranking title="Routes" by="route" question={question} link={(route) => elsewhere("usage", { route })} />
          {kind === "companies" ? (
            <Ranking title="Users" by="user" question={question} link={(user) => href(["customers", "users", user], where)} />
          ) : (
            <Ranking title="Verbs" by="verb" question={question} link={(verb) => elsewhere("usage", { verb })} />
          )}
          <Ranking title="Statuses" by="status" question={question} link={(status) => elsewhere("live", { status })} />
        </div>

        <StandingPanels app={app} kind={kind} id={id} />

        <section className={`panel ${css.calls}`} aria-label="Last calls">
          <h2>Last calls</h2>
          {recent.data?.length === 0 && <p className="quiet">None in this span of time.</p>}
          {recent.data && recent.data.length > 0 && <CallTable label="Last calls" calls={recent.data} open={open} withDay onFilter={(change) => go(elsewhere("live", change))} />}
        </section>
      </div>
      {open && <CallDrawer app={app.id} id={open} onFilter={(change) => go(elsewhere("live", change))} />}
      {erasing && <EraseDialog app={app} kind={kind === "companies" ? "company" : "user"} id={id} onClose={() => setErasing(false)} />}
    </div>
  );
}

function Facts({ kind, id, profile }: { kind: CustomerKind; id: string; profile: Profile | undefined }) {
  const more = Object.entries(profile?.metadata ?? {}).filter(([, value]) => typeof value === "string" || typeof value === "number");
  return (
    <dl className={css.facts}>
      <div><dt>{kind === "companies" ? "Company id" : "User id"}</dt><dd className="mono">{id}</dd></div>
      {profile?.email && <div><dt>E-mail</dt><dd>{profile.email}</dd></div>}
      {profile?.domain && <div><dt>Domain</dt><dd>{profile.domain}</dd></div>}
      {kind === "users" && profile?.company_id && <div><dt>Company</dt><dd><a href={href(["customers", "companies", profile.company_id])}>{profile.company_id}</a></dd></div>}
      {kind === "companies" && profile?.users !== undefined && <div><dt>Users</dt><dd>{profile.users}</dd></div>}
      <div><dt>First call</dt><dd><Time at={profile?.first_seen} as="full" /></dd></div>
      <div><dt>Last call</dt><dd><Time at={profile?.last_seen} as="ago" /></dd></div>
      {more.slice(0, 6).map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{String(value)}</dd></div>)}
    </dl>
  );
}

function Silence({ profile, calls, points }: { profile: Profile | undefined; calls: number | undefined; points: Parameters<typeof standing>[2] }) {
  const now = useNow();
  if (!profile?.last_seen || calls === undefined) return null;
  const state = standing(profile.last_seen, calls, points, now);
  if (state === "active") return null;
  return (
    <Notice tone={state === "stopped" ? "bad" : "warn"}>
      {state === "stopped" ? "Stopped" : "Quiet"}: the last call was <Time at={profile.last_seen} as="ago" />{calls > 0 ? ", a longer silence than ever before in this span." : "; this span has none."}
    </Notice>
  );
}

function Ranking({ title, by, question, link }: { title: string; by: GroupBy; question: Parameters<typeof useTop>[0]; link: (key: string) => string }) {
  const top = useTop({ ...question, by }, 8);
  const most = Math.max(1, ...(top.data?.rows ?? []).map((row) => row.calls));
  return (
    <section className={`panel ${css.ranking}`} aria-label={title}>
      <h2>{title}</h2>
      <table>
        <thead>
          <tr><th scope="col" className="unseen">{title}</th><th scope="col">Calls</th><th scope="col">Errors</th><th scope="col">p95</th></tr>
        </thead>
        <tbody>
          {top.data?.rows.map((row) => (
            <tr key={row.key}>
              <th scope="row">
                <span className={css.share} style={{ width: `${(row.calls / most) * 100}%` }} aria-hidden="true" />
                {row.key === "" ? <span className="quiet">none</span> : <a href={link(row.key)} title={row.key}>{row.key === "0" && by === "status" ? "no answer" : row.key}</a>}
              </th>
              <td>{compact(row.calls)}</td>
              <td>{row.errors === 0 ? <span className="quiet">0%</span> : percent(row.error_rate)}</td>
              <td>{latency(row.p95_ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {top.data?.rows.length === 0 && <p className="quiet">None in this span of time.</p>}
    </section>
  );
}
