import { useChanges, useStanding, useSubscriptions, type Standing, type Subscription } from "../../api/cohorts";
import type { App, CustomerKind } from "../../api/types";
import { Trouble } from "../../ui/Notice";
import { Time } from "../../ui/Time";
import { href, useLocation } from "../../url/location";
import { ChangeFeed } from "../cohorts/ChangeFeed";
import css from "./StandingPanels.module.css";

interface Props {
  app: App;
  kind: CustomerKind;
  id: string;
}

/** What a customer is in, is under, and has subscribed to. */
export function StandingPanels({ app, kind, id }: Props) {
  const at = useLocation();
  const where = { app: at.query.get("app") ?? undefined };
  const standing = useStanding(app.id, kind, id);
  const feed = useChanges(app.id, kind === "companies" ? { company_id: id } : { user_id: id }, 5);
  const subscriptions = useSubscriptions(app.id, id, kind === "companies");
  const moved = (feed.data?.pages[0]?.changes.length ?? 0) > 0;
  return (
    <div className={css.panels}>
      <section className={`panel ${css.list}`} aria-label="Cohorts">
        <h2>Cohorts</h2>
        <Trouble error={standing.error} />
        {standing.isPending && <p className="quiet" role="status">Loading…</p>}
        {standing.data?.cohorts.length === 0 && <p className="quiet">In none at the moment. <a href={href(["cohorts"], where)}>All cohorts</a></p>}
        <ul>
          {standing.data?.cohorts.map((cohort) => (
            <li key={cohort.id}>
              <a href={href(["cohorts", cohort.id], where)}>{cohort.name}</a>
              <span className="quiet">since <Time at={cohort.entered_at} as="full" /></span>
            </li>
          ))}
        </ul>
      </section>
      <section className={`panel ${css.list}`} aria-label="Rules that apply">
        <h2>Rules that apply</h2>
        {standing.isPending && <p className="quiet" role="status">Loading…</p>}
        {standing.data?.rules.length === 0 && <p className="quiet">None of the rules in force is for this {kind === "companies" ? "company" : "user"}.</p>}
        <ul>
          {standing.data?.rules.map((rule) => (
            <li key={rule.id}>
              <span>{rule.name}</span>
              <span className="quiet">{effect(rule)}</span>
            </li>
          ))}
        </ul>
      </section>
      {kind === "companies" && (
        <section className={`panel ${css.list}`} aria-label="Subscriptions">
          <h2>Subscriptions</h2>
          <Trouble error={subscriptions.error} />
          {subscriptions.isPending && <p className="quiet" role="status">Loading…</p>}
          {subscriptions.data?.length === 0 && <p className="quiet">None is known. They come from /v1/subscriptions.</p>}
          <ul>{subscriptions.data?.map((one) => <SubscriptionRow key={one.subscription_id} one={one} />)}</ul>
        </section>
      )}
      {moved && <ChangeFeed title="Entered and left" feed={feed} withCohort withCustomer={false} />}
    </div>
  );
}

const reasons: Record<Standing["rules"][number]["why"], string> = {
  customer: "names this customer",
  cohort: "by its cohort",
  not_matching: "for all but some",
  everyone: "for everyone",
};

function effect(rule: Standing["rules"][number]): string {
  const does = rule.block ? `blocks with ${rule.status}` : "adds headers";
  return `${does}${rule.some ? " on some calls" : ""}, ${reasons[rule.why]}`;
}

function SubscriptionRow({ one }: { one: Subscription }) {
  const plans = one.items.map((item) => item.plan_id).join(", ");
  return (
    <li>
      <span>
        {plans || one.subscription_id}
        <span className={css.badge} data-status={one.status}>{one.status || "unknown"}</span>
      </span>
      <span className="quiet">
        {plans && <span className="mono">{one.subscription_id}</span>}
        {one.current_period_end && <> until <Time at={one.current_period_end} as="full" /></>}
      </span>
    </li>
  );
}
