import { Button, Modal } from "@mantine/core";
import { useState } from "react";
import { useChanges, useCohort, useDeleteCohort, useMembers, type Cohort } from "../../api/cohorts";
import { ApiError } from "../../api/client";
import { useMay } from "../../api/rights";
import type { App } from "../../api/types";
import { count } from "../../format/number";
import { dateTime } from "../../format/time";
import { Icon } from "../../ui/icons";
import { useKeys } from "../../ui/keys";
import { Notice, Trouble } from "../../ui/Notice";
import { useNow } from "../../ui/now";
import { Sparkline } from "../../ui/Sparkline";
import { Time } from "../../ui/Time";
import { go, href, useLocation } from "../../url/location";
import { ChangeFeed } from "./ChangeFeed";
import css from "./Cohorts.module.css";
import { howMany, kindNames, sentence, sizesOverTime } from "./criteria";
import { MemberTable } from "./MemberTable";

/** One cohort: who is in it, how that changed, and by what. */
export function CohortPage({ app, id }: { app: App; id: string }) {
  const at = useLocation();
  const where = { app: at.query.get("app") ?? undefined };
  const may = useMay()("cohorts:write");
  const [deleting, setDeleting] = useState(false);
  const cohort = useCohort(app.id, id, !deleting);
  const members = useMembers(app.id, id);
  const feed = useChanges(app.id, { cohort: id });
  useKeys({ e: () => may && cohort.data && go(href(["cohorts", id, "edit"], where)) });
  const gone = cohort.error instanceof ApiError && cohort.error.status === 404;

  return (
    <div className={css.page}>
      <a className={css.back} href={href(["cohorts"], where)}>
        <Icon name="arrowLeft" size={14} />
        Cohorts
      </a>
      {gone ? <Notice tone="warn">There is no cohort here: it was deleted, or the address is another application’s.</Notice> : <Trouble error={cohort.error} />}
      {cohort.isPending && <p className={css.loading} role="status">Loading…</p>}
      {cohort.data && (
        <>
          <header className={css.head}>
            <div className={css.who}>
              <h1>{cohort.data.name}</h1>
              <Criteria cohort={cohort.data} />
            </div>
            {may && <Button size="xs" variant="default" component="a" href={href(["cohorts", id, "edit"], where)} aria-keyshortcuts="e">Edit</Button>}
            {may && <Button size="xs" variant="default" color="red" onClick={() => setDeleting(true)}>Delete</Button>}
          </header>
          <Sizes cohort={cohort.data} />
          <div className={css.columns}>
            <section className={`panel ${css.frame}`} aria-label="Members">
              <h2 className={css.title}>Members</h2>
              <Trouble error={members.error} />
              <MemberTable kind={cohort.data.kind} members={members.data?.pages.flatMap((page) => page.members) ?? []} loading={members.isPending} since />
              {members.hasNextPage && (
                <Button variant="default" size="compact-sm" className={css.more} loading={members.isFetchingNextPage} onClick={() => void members.fetchNextPage()}>Show more</Button>
              )}
            </section>
            <ChangeFeed title="Entered and left" feed={feed} />
          </div>
          <Deletion app={app} cohort={cohort.data} opened={deleting} onClose={() => setDeleting(false)} />
        </>
      )}
    </div>
  );
}

function Criteria({ cohort }: { cohort: Cohort }) {
  const kind = cohort.kind === "company" ? "Companies" : "Users";
  const joined = cohort.criteria.match === "all" ? "all of" : "one of";
  const sentences = cohort.criteria.conditions.map(sentence);
  return (
    <div className={css.criteria}>
      <span className="quiet">{kind} with {sentences.length > 1 ? joined : ""}</span>
      <ul>{sentences.map((text, i) => <li key={i}>{text}</li>)}</ul>
    </div>
  );
}

function Sizes({ cohort }: { cohort: Cohort }) {
  const now = useNow();
  const points = sizesOverTime(cohort, now, 120);
  const [first, last] = [points[0], points.at(-1)];
  const most = Math.max(...points.map((p) => p.members));
  return (
    <section className={`panel ${css.sizes}`} aria-label="Size">
      <dl>
        <div><dt>Members now</dt><dd>{count(cohort.members)}</dd></div>
        <div><dt>Most</dt><dd>{count(most)}</dd></div>
        <div><dt>Change</dt><dd>{signed(cohort.members - (first?.members ?? 0))}</dd></div>
        <div><dt>Looked at</dt><dd>{cohort.evaluated_at ? <Time at={cohort.evaluated_at} as="ago" /> : "not yet"}</dd></div>
      </dl>
      <figure>
        <Sparkline values={points.map((p) => p.members)} width={600} height={72} stretched label={`Members of ${cohort.name} over time: ${howMany(cohort.kind, cohort.members)} now`} />
        <figcaption><span>{first && dateTime(first.t, now)}</span><span>{last && "now"}</span></figcaption>
      </figure>
    </section>
  );
}

function signed(n: number): string {
  return n > 0 ? "+" + count(n) : n < 0 ? "−" + count(-n) : "none";
}

function Deletion({ app, cohort, opened, onClose }: { app: App; cohort: Cohort; opened: boolean; onClose: () => void }) {
  const at = useLocation();
  const deletion = useDeleteCohort(app.id, cohort.id);
  const confirm = () => deletion.mutate(undefined, { onSuccess: () => go(href(["cohorts"], { app: at.query.get("app") ?? undefined })) });
  return (
    <Modal opened={opened} onClose={onClose} title={`Delete ${cohort.name}?`} centered size="sm">
      <div className={css.modal}>
        <p>Its members, {howMany(cohort.kind, cohort.members)}, and the history of who entered and left go with it. The {kindNames[cohort.kind].many} themselves stay.</p>
        {deletion.error && <Notice tone="bad">{deletion.error.message}</Notice>}
        <div className={css.buttons}>
          <Button size="xs" variant="default" onClick={onClose} data-autofocus>Keep it</Button>
          <Button size="xs" color="red" loading={deletion.isPending} onClick={confirm}>Delete the cohort</Button>
        </div>
      </div>
    </Modal>
  );
}
