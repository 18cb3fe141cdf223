import type { App } from "../../api/types";
import { queryOfRange, rangeFromQuery } from "../../url/range";
import { href, useLocation } from "../../url/location";
import UsagePage from "../usage/UsagePage";
import AnalyticsPage from "./AnalyticsPage";
import { DashboardPage } from "./DashboardPage";
import { DashboardsPage } from "./DashboardsPage";
import css from "./analytics.module.css";

const tabs = [
  { path: "", name: "Overview" },
  { path: "questions", name: "Questions" },
  { path: "funnels", name: "Funnels" },
  { path: "retention", name: "Retention" },
  { path: "dashboards", name: "Dashboards" },
];

/** Usage and what stands behind it. */
export default function UsagePlace({ app }: { app: App }) {
  const at = useLocation();
  const here = at.path[1] ?? "";
  const fixed = at.query.get("from") && at.query.get("to");
  const range = at.query.get("range") || fixed ? queryOfRange(rangeFromQuery(at.query)) : {};
  return (
    <>
      <nav className={css.tabs} aria-label="Usage">
        {tabs.map((tab) => (
          <a key={tab.path} href={href(["usage", tab.path].filter(Boolean), { app: at.query.get("app") ?? undefined, ...range })} aria-current={tab.path === here ? "page" : undefined}>{tab.name}</a>
        ))}
      </nav>
      <Page key={here} app={app} here={here} id={at.path[2]} />
    </>
  );
}

function Page({ app, here, id }: { app: App; here: string; id?: string }) {
  switch (here) {
    case "questions":
      return <AnalyticsPage app={app} kind="analysis" />;
    case "funnels":
      return <AnalyticsPage app={app} kind="funnel" />;
    case "retention":
      return <AnalyticsPage app={app} kind="retention" />;
    case "dashboards":
      return id ? <DashboardPage key={id} app={app} id={id} /> : <DashboardsPage app={app} />;
    default:
      return <UsagePage app={app} />;
  }
}
