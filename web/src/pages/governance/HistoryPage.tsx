import type { App } from "../../api/types";
import { Icon } from "../../ui/icons";
import { href, useLocation } from "../../url/location";
import { History } from "./History";
import css from "./RulesPage.module.css";

/** Who changed which rule. */
export function HistoryPage({ app }: { app: App }) {
  const at = useLocation();
  return (
    <div className={css.page}>
      <div className={css.tools}>
        <a href={href(["governance"], { app: at.query.get("app") ?? undefined })} aria-label="To the rules"><Icon name="arrowLeft" /></a>
        <h1>History of the rules</h1>
      </div>
      <History app={app} id="" />
    </div>
  );
}
