import type { App } from "../../api/types";
import { useLocation } from "../../url/location";
import { HistoryPage } from "./HistoryPage";
import { RulePage } from "./RulePage";
import { RulesPage } from "./RulesPage";

/** The rules: all of them, one of them, or who changed which. */
export function GovernancePage({ app }: { app: App }) {
  const { path } = useLocation();
  const place = path[1] ?? "";
  if (place === "") return <RulesPage app={app} />;
  if (place === "history") return <HistoryPage app={app} />;
  return <RulePage key={place} app={app} id={place === "new" ? "" : place} />;
}
