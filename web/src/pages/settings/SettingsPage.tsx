import { useMay, type AskedRight } from "../../api/rights";
import type { App } from "../../api/types";
import { Notice } from "../../ui/Notice";
import { href, useLocation } from "../../url/location";
import { Applications } from "./Applications";
import { Audit } from "./Audit";
import { Erasures } from "./Erasures";
import { Export } from "./Export";
import { People } from "./People";
import css from "./Settings.module.css";
import { Tokens } from "./Tokens";

interface Section {
  path: string;
  name: string;
  /** What one needs to see it; everybody may see the others. */
  right?: AskedRight;
  Page: (props: { app: App }) => React.ReactNode;
}

const sections: Section[] = [
  { path: "applications", name: "Applications", Page: Applications },
  { path: "export", name: "Export", right: "events:read", Page: Export },
  { path: "erasures", name: "Erasures", right: "events:erase", Page: Erasures },
  { path: "people", name: "People", right: "people:write", Page: People },
  { path: "tokens", name: "API tokens", right: "tokens:write", Page: Tokens },
  { path: "audit", name: "Audit log", right: "audit:read", Page: Audit },
];

/** Who may do what, with which keys, and who did; data that leaves, and data that goes. */
export function SettingsPage({ app }: { app: App }) {
  const at = useLocation();
  const may = useMay();
  const section = sections.find((one) => one.path === at.path[1]) ?? sections[0];
  if (!section) return null;
  const allowed = !section.right || may(section.right);
  return (
    <div className={css.page}>
      <h1 className="unseen">Settings</h1>
      <nav className={css.sections} aria-label="Settings">
        {sections
          .filter((one) => !one.right || may(one.right))
          .map((one) => (
            <a key={one.path} href={href(["settings", one.path], { app: at.query.get("app") ?? undefined })} aria-current={one === section ? "page" : undefined}>
              {one.name}
            </a>
          ))}
      </nav>
      <div className={css.body}>{allowed ? <section.Page app={app} /> : <Notice tone="info" icon="lock">Your role does not let you see this. Ask an owner or admin.</Notice>}</div>
    </div>
  );
}
