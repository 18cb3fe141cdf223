import { Button } from "@mantine/core";
import { useState } from "react";
import { useMay } from "../../api/rights";
import type { App } from "../../api/types";
import { Notice, Trouble } from "../../ui/Notice";
import { Time } from "../../ui/Time";
import { href, useLocation } from "../../url/location";
import css from "./History.module.css";
import { useHistory, useRules, useWays, type Version } from "./queries";
import { stateNames } from "./StateSwitch";

const hows: Record<Version["how"], string> = {
  before: "was already there",
  created: "created",
  changed: "changed",
  deleted: "deleted",
  reverted: "brought back",
  ordered: "changed the order of the rules",
};

const fields: Record<string, string> = {
  state: "State",
  name: "Name",
  type: "Kind of customer",
  applied_to: "Applies to",
  applied_to_unidentified: "Callers who are not identified",
  regex_config: "Conditions",
  block: "Blocks",
  "response.status": "Status",
  "response.headers": "Headers",
  "response.body": "Body",
  variables: "Merge tags",
  customers: "Customers",
  order: "Order",
};

/** The changes of one rule, or of all, newest first; a version can be gone back to. */
export function History({ app, id, onReverted }: { app: App; id: string; onReverted?: () => void }) {
  const at = useLocation();
  const history = useHistory(app.id, id);
  const rules = useRules(app.id);
  const ways = useWays(app.id);
  const may = useMay()("rules:write");
  const [asked, setAsked] = useState(0);
  const [failure, setFailure] = useState("");
  const versions = history.data?.pages.flatMap((page) => page.versions) ?? [];
  const latest = new Map<string, number>();
  for (const v of versions) if (!latest.has(v.rule_id)) latest.set(v.rule_id, v.version);
  const names = new Map((rules.data ?? []).map((rule) => [rule.id, rule.name]));
  for (const v of versions) if (!names.has(v.rule_id)) names.set(v.rule_id, v.name);

  const revert = (v: Version) => {
    setFailure("");
    setAsked(0);
    ways.revert(v.rule_id, v.version).then(onReverted, (error: Error) => setFailure(error.message));
  };
  if (history.isPending) return <p className="quiet" role="status">Loading…</p>;
  return (
    <section className={css.history} aria-label="History">
      <Trouble error={history.error} />
      {failure && <Notice tone="bad">{failure}</Notice>}
      {versions.length === 0 && <p className="quiet">Nothing has been changed yet.</p>}
      <ol className={css.list}>
        {versions.map((v) => {
          const back = may && v.rule_id !== "" && (v.how === "deleted" ? !v.exists && latest.get(v.rule_id) === v.version : latest.get(v.rule_id) !== v.version);
          return (
            <li key={v.version} className={css.version} data-how={v.how}>
              <div className={css.head}>
                <span>
                  <strong>{v.who || "Somebody"}</strong> {hows[v.how]}{" "}
                  {id === "" && v.rule_id !== "" && (v.exists ? <a href={href(["governance", v.rule_id], { app: at.query.get("app") ?? undefined })}>{v.name}</a> : <em>{v.name}</em>)}
                </span>
                <span className="quiet"><Time at={v.at} as="full" /></span>
                {back && asked !== v.version && (
                  <Button variant="default" size="compact-xs" onClick={() => setAsked(v.version)}>{v.exists ? "Go back to this" : "Bring it back"}</Button>
                )}
                {asked === v.version && (
                  <span className={css.sure}>
                    {v.exists ? "The rule becomes what it was after this change; its state stays." : "It comes back switched off."}{" "}
                    <Button size="compact-xs" onClick={() => revert(v)}>{v.exists ? "Go back" : "Bring it back"}</Button>{" "}
                    <Button size="compact-xs" variant="subtle" color="gray" onClick={() => setAsked(0)}>Cancel</Button>
                  </span>
                )}
              </div>
              {v.changes.length > 0 && (
                <dl className={css.changes}>
                  {v.changes.map((c) => (
                    <div key={c.field}>
                      <dt>{fields[c.field] ?? c.field}</dt>
                      <dd><Sides field={c.field} before={c.before} after={c.after} names={names} /></dd>
                    </div>
                  ))}
                </dl>
              )}
            </li>
          );
        })}
      </ol>
      {history.hasNextPage && <Button variant="default" size="xs" loading={history.isFetchingNextPage} onClick={() => void history.fetchNextPage()}>Show more</Button>}
    </section>
  );
}

interface Members {
  count: number;
  only: number;
  ids: string[];
}

function Sides({ field, before, after, names }: { field: string; before: unknown; after: unknown; names: Map<string, string> }) {
  if (field === "customers") {
    const [was, is] = [before as Members, after as Members];
    return (
      <>
        {is.only > 0 && <span><ins>{some(is)}</ins></span>}
        {was.only > 0 && <span><del>{some(was)}</del></span>}
        <span className="quiet">{was.count.toLocaleString("en")} → {is.count.toLocaleString("en")} in all</span>
      </>
    );
  }
  const text = (value: unknown) => (field === "order" ? (value as string[]).map((id) => names.get(id) ?? id).join(", ") : shown(field, value));
  return <><del>{text(before)}</del> <span aria-hidden="true">→</span> <ins>{text(after)}</ins></>;
}

function some(m: Members): string {
  return m.ids.join(", ") + (m.only > m.ids.length ? ` and ${(m.only - m.ids.length).toLocaleString("en")} more` : "");
}

function shown(field: string, value: unknown): string {
  if (field === "state") return stateNames[value as keyof typeof stateNames] ?? String(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return value || "nothing";
  return JSON.stringify(value) ?? "nothing";
}
