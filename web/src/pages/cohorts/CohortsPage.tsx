import { Button } from "@mantine/core";
import { useChanges, useCohorts, type Cohort } from "../../api/cohorts";
import { useMay } from "../../api/rights";
import type { App } from "../../api/types";
import { count } from "../../format/number";
import { Icon } from "../../ui/icons";
import { useKeys } from "../../ui/keys";
import { Locked } from "../../ui/Locked";
import { Trouble } from "../../ui/Notice";
import { useNow } from "../../ui/now";
import { Sparkline } from "../../ui/Sparkline";
import { Time } from "../../ui/Time";
import { go, href, useLocation } from "../../url/location";
import { ChangeFeed } from "./ChangeFeed";
import { CohortEditor } from "./CohortEditor";
import { CohortPage } from "./CohortPage";
import css from "./Cohorts.module.css";
import { examples, kindNames, sentence, sizesOverTime } from "./criteria";

/** Everything under #/cohorts: the list, one cohort, and their editor. */
export default function CohortsPage({ app }: { app: App }) {
  const { path } = useLocation();
  const [, id, edit] = path;
  const may = useMay()("cohorts:write");
  if (!may && (id === "new" || edit === "edit")) return <div className={css.page}><Locked what="the cohorts" who={whoMay} /></div>;
  if (id === "new") return <CohortEditor key="new" app={app} />;
  if (id && edit === "edit") return <CohortEditor key={id} app={app} id={id} />;
  return id ? <CohortPage key={id} app={app} id={id} /> : <CohortList app={app} />;
}

const whoMay = "an owner, admin or analyst";

function CohortList({ app }: { app: App }) {
  const at = useLocation();
  const list = useCohorts(app.id);
  const feed = useChanges(app.id, {});
  const may = useMay()("cohorts:write");
  const where = { app: at.query.get("app") ?? undefined };
  const walk = (step: number) => {
    const links = [...document.querySelectorAll<HTMLElement>("a[data-opens]")];
    const from = links.indexOf(document.activeElement as HTMLElement);
    links[from < 0 ? 0 : Math.min(links.length - 1, Math.max(0, from + step))]?.focus();
  };
  useKeys({ j: () => walk(1), k: () => walk(-1), n: () => may && go(href(["cohorts", "new"], where)) });

  return (
    <div className={css.page}>
      <header className={css.head}>
        <div className={css.who}>
          <h1>Cohorts</h1>
          <p className="quiet">Groups of customers that are found again and again as calls and profiles come in. Rules can follow them.</p>
        </div>
        {may && <Button size="xs" component="a" href={href(["cohorts", "new"], where)} aria-keyshortcuts="n">New cohort</Button>}
      </header>
      {!may && <Locked what="the cohorts" who={whoMay} />}
      <Trouble error={list.error} />
      {list.isPending && <p className={css.loading} role="status">Loading…</p>}
      {list.data?.length === 0 && (may ? <NoCohorts where={where} /> : <p className="quiet">No cohorts yet.</p>)}
      {list.data && list.data.length > 0 && (
        <>
          <div className={`panel ${css.frame}`}>
            <table className={css.table} role="table" aria-label="Cohorts">
              <thead role="rowgroup">
                <tr role="row">
                  <th role="columnheader" scope="col">Cohort</th>
                  <th role="columnheader" scope="col">Size, 30 days</th>
                  <th role="columnheader" scope="col">Members</th>
                  <th role="columnheader" scope="col">Looked at</th>
                </tr>
              </thead>
              <tbody role="rowgroup">
                {list.data.map((cohort) => <Row key={cohort.id} cohort={cohort} href={href(["cohorts", cohort.id], where)} />)}
              </tbody>
            </table>
          </div>
          <ChangeFeed title="Entered and left" feed={feed} withCohort />
        </>
      )}
    </div>
  );
}

function Row({ cohort, href }: { cohort: Cohort; href: string }) {
  const now = useNow();
  return (
    <tr role="row" className={css.row} onClick={(event) => {
      if (!(event.target as HTMLElement).closest("a")) go(href);
    }}>
      <td role="cell" className={css.name}>
        <a data-opens href={href}>{cohort.name}</a>
        <span className={css.detail}>
          {cohort.kind === "company" ? "Companies" : "Users"}: {cohort.criteria.conditions.map(sentence).join(cohort.criteria.match === "all" ? ", and " : ", or ")}
        </span>
      </td>
      <td role="cell" className={css.spark}><Sparkline values={sizesOverTime(cohort, now, 40).map((p) => p.members)} label={`Size of ${cohort.name} over time`} /></td>
      <td role="cell" className={css.members}>{count(cohort.members)} <span className="quiet">{cohort.members === 1 ? kindNames[cohort.kind].one : kindNames[cohort.kind].many}</span></td>
      <td role="cell" className={css.seen}>{cohort.evaluated_at ? <Time at={cohort.evaluated_at} as="ago" /> : <span className="quiet">not yet</span>}</td>
    </tr>
  );
}

function NoCohorts({ where }: { where: Record<string, string | undefined> }) {
  return (
    <section className={css.empty} aria-label="No cohorts yet">
      <h2>No cohorts yet</h2>
      <p>Begin with one of these, or with your own criteria. You see who is in before anything is saved.</p>
      <ul className={css.examples}>
        {examples.map((example) => (
          <li key={example.name}>
            <a href={href(["cohorts", "new"], { ...where, example: example.name })}>
              <Icon name="people" size={15} />
              <b>{example.name}</b>
              <span>{example.about}</span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
