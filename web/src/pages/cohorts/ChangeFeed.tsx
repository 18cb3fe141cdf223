import { Button } from "@mantine/core";
import type { useChanges } from "../../api/cohorts";
import { Trouble } from "../../ui/Notice";
import { Time } from "../../ui/Time";
import { href, useLocation } from "../../url/location";
import css from "./Cohorts.module.css";
import { kindNames } from "./criteria";

interface Props {
  title: string;
  feed: ReturnType<typeof useChanges>;
  /** Whether the cohort is told: not on its own page. */
  withCohort?: boolean;
  /** Whether the customer is told: not on its own page. */
  withCustomer?: boolean;
}

/** Who entered and who left, the latest first. */
export function ChangeFeed({ title, feed, withCohort = false, withCustomer = true }: Props) {
  const at = useLocation();
  const where = { app: at.query.get("app") ?? undefined };
  const changes = feed.data?.pages.flatMap((page) => page.changes) ?? [];
  return (
    <section className={`panel ${css.feed}`} aria-label={title}>
      <h2>{title}</h2>
      <Trouble error={feed.error} />
      {feed.isPending && <p className="quiet" role="status">Loading…</p>}
      {feed.isSuccess && changes.length === 0 && <p className="quiet">Nobody yet.</p>}
      <ol>
        {changes.map((change) => (
          <li key={change.number} data-entered={change.entered}>
            <span className={css.sign} aria-hidden="true">{change.entered ? "+" : "−"}</span>
            <span className={css.what}>
              {withCustomer && <a href={href(["customers", kindNames[change.kind as "user" | "company"].page, change.id], where)} title={change.id}>{change.name || change.id}</a>}
              {withCustomer ? (change.entered ? " entered" : " left") : change.entered ? "Entered" : "Left"}
              {withCohort && <> <a href={href(["cohorts", change.cohort_id], where)}>{change.cohort_name}</a></>}
              {change.edited && <span className="quiet"> by an edit of the cohort</span>}
            </span>
            <Time at={change.at} as="ago" />
          </li>
        ))}
      </ol>
      {feed.hasNextPage && (
        <Button variant="default" size="compact-sm" loading={feed.isFetchingNextPage} onClick={() => void feed.fetchNextPage()}>Show earlier</Button>
      )}
    </section>
  );
}
