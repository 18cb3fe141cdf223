import { Button, TextInput } from "@mantine/core";
import { useRef, useState } from "react";
import { useMay } from "../../api/rights";
import type { App } from "../../api/types";
import { Icon } from "../../ui/icons";
import { useKeys } from "../../ui/keys";
import { Locked } from "../../ui/Locked";
import { Notice, Trouble } from "../../ui/Notice";
import { go, href, replace, useLocation, withQuery } from "../../url/location";
import { ConfirmOn } from "./ConfirmOn";
import { draftOf, sentence, stageNames, stages, type Rule, type RuleState } from "./draft";
import { useHistory, useRules, useWays } from "./queries";
import { RuleRow } from "./RuleRow";
import css from "./RulesPage.module.css";

/** All rules in the order in which gateways apply them. */
export function RulesPage({ app }: { app: App }) {
  const at = useLocation();
  const q = (at.query.get("q") ?? "").trim();
  const rules = useRules(app.id);
  const ways = useWays(app.id);
  const may = useMay()("rules:write");
  const [asked, setAsked] = useState<Rule | null>(null);
  const [failure, setFailure] = useState("");
  const search = useRef<HTMLInputElement>(null);
  const carried = { app: at.query.get("app") ?? undefined };

  const attempt = (what: Promise<unknown>) => {
    setFailure("");
    what.catch((error: Error) => setFailure(error.message));
  };
  const switchTo = (rule: Rule, state: RuleState) => (state === "on" ? setAsked(rule) : attempt(ways.switchTo(rule.id, state)));

  const all = rules.data ?? [];
  const found = all.filter((rule) => matches(rule, q));
  /** Moves a rule to the place of another of the same stage. */
  const move = (id: string, to: string) => {
    const ids = all.map((rule) => rule.id);
    const [from, target] = [ids.indexOf(id), ids.indexOf(to)];
    if (from < 0 || target < 0 || from === target) return;
    ids.splice(from, 1);
    ids.splice(target, 0, id);
    attempt(ways.order(ids));
  };

  const walk = (step: number) => {
    const links = [...document.querySelectorAll<HTMLElement>("a[data-opens]")];
    const from = links.indexOf(document.activeElement as HTMLElement);
    links[from < 0 ? 0 : Math.min(links.length - 1, Math.max(0, from + step))]?.focus();
  };
  useKeys({
    j: () => walk(1),
    k: () => walk(-1),
    n: () => may && go(href(["governance", "new"], carried)),
    "/": (event) => {
      event.preventDefault();
      search.current?.focus();
    },
  });

  return (
    <div className={css.page}>
      <div className={css.tools}>
        <h1 className="unseen">Governance</h1>
        <TextInput
          ref={search}
          size="sm"
          type="search"
          className={css.search}
          aria-label="Search rules"
          aria-keyshortcuts="/"
          placeholder="Name, customer, path"
          leftSection={<Icon name="search" size={15} />}
          spellCheck={false}
          value={q}
          onChange={(event) => replace(withQuery(at, { q: event.currentTarget.value.trimStart() }))}
          onKeyDown={(event) => event.key === "Escape" && search.current?.blur()}
        />
        <span className={css.space} />
        <Button component="a" className={css.link} variant="default" size="xs" href={href(["governance", "history"], carried)} leftSection={<Icon name="history" size={14} />}>History</Button>
        {may && <Button component="a" className={css.main} size="xs" href={href(["governance", "new"], carried)} aria-keyshortcuts="n" leftSection={<Icon name="plus" size={14} />}>New rule</Button>}
      </div>
      <Trouble error={rules.error} />
      {failure && <Notice tone="bad">{failure}</Notice>}
      {may ? <Deleted app={app} /> : <Locked what="the rules" />}
      {rules.isPending ? (
        <p className={css.nothing} role="status">Loading…</p>
      ) : all.length === 0 ? (
        <div className={css.nothing}>
          <h2>No rules yet</h2>
          <p>A rule answers calls instead of your backend, or adds headers to answers: a customer over quota gets 429, one without a contract 402. Gateways enforce it within a second.</p>
          {may && <Button component="a" className={css.main} href={href(["governance", "new"], carried)}>Write the first rule</Button>}
        </div>
      ) : found.length === 0 ? (
        <p className={css.nothing}>No rule matches “{q}”.</p>
      ) : (
        <>
          <p className={css.how}>Gateways go through the rules from top to bottom. Headers add up; of the rules that block a call <strong>the last one answers</strong>.</p>
          {stages.map((stage) => {
            const here = found.filter((rule) => rule.type === stage);
            if (here.length === 0) return null;
            return (
              <section key={stage} className="panel" aria-label={stageNames[stage]}>
                <h2 className={css.stage}>{stageNames[stage]}</h2>
                <ol className={css.list}>
                  {here.map((rule, i) => (
                    <RuleRow
                      key={rule.id}
                      app={app}
                      rule={rule}
                      open={href(["governance", rule.id], carried)}
                      above={q === "" ? here[i - 1]?.id : undefined}
                      below={q === "" ? here[i + 1]?.id : undefined}
                      movable={may && q === "" && here.length > 1}
                      may={may}
                      onMove={move}
                      onSwitch={(state) => switchTo(rule, state)}
                    />
                  ))}
                </ol>
              </section>
            );
          })}
        </>
      )}
      <ConfirmOn app={app} rule={asked} onClose={() => setAsked(null)} onConfirm={(rule) => ways.switchTo(rule.id, "on")} />
    </div>
  );
}

function matches(rule: Rule, q: string): boolean {
  const text = [rule.name, rule.id, sentence(draftOf(rule)), ...rule.customers.map((c) => c.id)].join("\n").toLowerCase();
  return q.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** Says that a rule was just deleted, and brings it back. */
function Deleted({ app }: { app: App }) {
  const at = useLocation();
  const id = at.query.get("deleted") ?? "";
  return id ? <Undo key={id} app={app} id={id} /> : null;
}

function Undo({ app, id }: { app: App; id: string }) {
  const at = useLocation();
  const ways = useWays(app.id);
  const history = useHistory(app.id, id);
  const [failure, setFailure] = useState("");
  const last = history.data?.pages[0]?.versions[0];
  if (!last || last.exists) return null;
  const gone = withQuery(at, { deleted: undefined });
  const undo = () => ways.revert(id, last.version, last.state).then(() => replace(gone), (error: Error) => setFailure(error.message));
  return (
    <Notice tone={failure ? "bad" : "info"} icon="check">
      {failure || <>“{last.name}” is deleted{last.state === "on" ? " and no longer enforced" : ""}. </>}
      <Button variant="light" size="compact-xs" onClick={() => void undo()}>Undo</Button>{" "}
      <Button variant="subtle" color="gray" size="compact-xs" onClick={() => replace(gone)}>Dismiss</Button>
    </Notice>
  );
}
