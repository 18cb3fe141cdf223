import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
import { ApiError } from "../../api/client";
import { useMay } from "../../api/rights";
import type { App } from "../../api/types";
import { Icon } from "../../ui/icons";
import { Locked } from "../../ui/Locked";
import { Notice } from "../../ui/Notice";
import { go, href, replace, useLocation, withQuery } from "../../url/location";
import { ConfirmOn } from "./ConfirmOn";
import { draftOf, faults, newDraft, ruleOf, sentence, type Draft, type Rule, type RuleState } from "./draft";
import { History } from "./History";
import { dropDraft, keepDraft, keptDraft } from "./kept";
import { useRule, useWays } from "./queries";
import css from "./RulePage.module.css";
import { StateSwitch, stateWords } from "./StateSwitch";
import { TryOut } from "./TryOut";
import { What } from "./What";
import { When } from "./When";
import { Who } from "./Who";

/** One rule, to read and to edit; an id of "" is a new one. */
export function RulePage({ app, id }: { app: App; id: string }) {
  const rule = useRule(app.id, id, id !== "");
  const may = useMay()("rules:write");
  if (id === "" && !may) return <div className={css.page}><Locked what="the rules" /></div>;
  if (id === "") return <Editor key="new" app={app} rule={undefined} />;
  if (rule.data) return <Editor key={id} app={app} rule={rule.data} />;
  const gone = rule.error instanceof ApiError && rule.error.status === 404;
  return (
    <div className={css.page}>
      {gone ? <Gone app={app} id={id} /> : rule.error ? <Notice tone="bad">{rule.error.message}</Notice> : <p className="quiet" role="status">Loading…</p>}
    </div>
  );
}

function Gone({ app, id }: { app: App; id: string }) {
  return (
    <>
      <Notice tone="warn">This rule is deleted, or was never there. Its history can bring it back.</Notice>
      <History app={app} id={id} />
    </>
  );
}

function Editor({ app, rule }: { app: App; rule: Rule | undefined }) {
  const at = useLocation();
  const id = rule?.id ?? "";
  const ways = useWays(app.id);
  const may = useMay()("rules:write");
  const [saved, setSaved] = useState<Draft>(() => (rule ? draftOf(rule) : newDraft()));
  const [version, setVersion] = useState(rule?.updated_at ?? "");
  const [found] = useState(() => (may ? keptDraft(app.id, id) : undefined));
  const [draft, setDraft] = useState<Draft>(found?.draft ?? saved);
  const [restored, setRestored] = useState(found !== undefined);
  const [complaints, setComplaints] = useState<string[]>([]);
  const [busy, setBusy] = useState(false);
  const [asked, setAsked] = useState<Rule | null>(null);
  const [dropping, setDropping] = useState(false);
  /** What the draft was made from; somebody else's change since is not overwritten without a question. */
  const [base, setBase] = useState(found?.of ?? rule?.updated_at ?? "");
  const [clash, setClash] = useState(false);
  const tab = at.query.get("tab") === "history" && rule ? "history" : "rule";
  const carried = { app: at.query.get("app") ?? undefined };
  const dirty = JSON.stringify(draft) !== JSON.stringify(saved);
  const wrong = faults(draft);

  // Somebody else saved, or a version was gone back to: follow, unless there is something to lose.
  if (rule && rule.updated_at !== version) {
    setVersion(rule.updated_at);
    setSaved(draftOf(rule));
    if (!dirty) {
      setDraft(draftOf(rule));
      setBase(rule.updated_at);
    }
  }

  useEffect(() => {
    if (dirty) keepDraft(app.id, id, { draft, of: base });
    else dropDraft(app.id, id);
  }, [app.id, id, draft, dirty, base]);

  useEffect(() => {
    const leaving = (event: BeforeUnloadEvent) => event.preventDefault();
    if (dirty) window.addEventListener("beforeunload", leaving);
    return () => window.removeEventListener("beforeunload", leaving);
  }, [dirty]);

  const change = (part: Partial<Draft>) => setDraft((now) => ({ ...now, ...part }));
  const complain = (error: Error) => setComplaints(error instanceof ApiError && error.fields.length > 0 ? error.fields.map((f) => `${f.location}: ${f.message}`) : [error.message]);

  const save = async (anyway = false) => {
    if (!may || busy || !(dirty || id === "")) return;
    if (wrong.length > 0) {
      setComplaints(wrong.map((one) => one.text));
      return;
    }
    setBusy(true);
    setComplaints([]);
    setClash(false);
    try {
      const kept = await ways.save(id, ruleOf(draft, rule?.state ?? "off"), anyway ? "" : base);
      dropDraft(app.id, id);
      setSaved(draftOf(kept));
      setDraft(draftOf(kept));
      setVersion(kept.updated_at);
      setBase(kept.updated_at);
      setRestored(false);
      if (id === "") replace(href(["governance", kept.id], carried));
    } catch (error) {
      if (error instanceof ApiError && error.status === 409) setClash(true);
      else complain(error as Error);
    } finally {
      setBusy(false);
    }
  };

  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
        event.preventDefault();
        void save();
      }
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  });

  const switchTo = (state: RuleState) => {
    if (!rule) return;
    setComplaints([]);
    if (state === "on") setAsked(rule);
    else ways.switchTo(rule.id, state).catch(complain);
  };
  const drop = async () => {
    try {
      await ways.drop(id);
      dropDraft(app.id, id);
      go(href(["governance"], { ...carried, deleted: id }));
    } catch (error) {
      complain(error as Error);
    }
  };

  return (
    <div className={css.page}>
      <div className={css.tools}>
        <a className={css.back} href={href(["governance"], carried)} aria-label="To all rules"><Icon name="arrowLeft" /></a>
        <h1 className={css.title}>{rule ? saved.name : "New rule"}</h1>
        {rule && <StateSwitch name={saved.name} state={rule.state} disabled={dirty || !may} onSwitch={switchTo} />}
        <span className={css.space} />
        {rule && (
          <SegmentedControl size="xs" aria-label="Part of the rule" value={tab} onChange={(next) => go(withQuery(at, { tab: next === "history" ? "history" : undefined }))} data={[{ value: "rule", label: "Rule" }, { value: "history", label: "History" }]} />
        )}
        {tab === "rule" && dirty && <Button variant="subtle" color="gray" size="xs" onClick={() => { setDraft(saved); setBase(version); setRestored(false); setClash(false); setComplaints([]); }}>Discard changes</Button>}
        {tab === "rule" && may && <Button size="xs" loading={busy} disabled={!dirty && id !== ""} aria-keyshortcuts="Control+S" onClick={() => void save()}>Save</Button>}
      </div>
      {!may && <Locked what="the rules" />}
      {complaints.length > 0 && <Notice tone="bad">{complaints.map((one) => <div key={one}>{one}</div>)}</Notice>}
      {restored && dirty && <Notice tone="info">These are changes that you had not saved.</Notice>}
      {clash && (
        <Notice tone="warn">
          Somebody changed the rule while you did. <a href={withQuery(at, { tab: "history" })}>See what they changed</a>, or{" "}
          <Button size="compact-xs" variant="light" onClick={() => void save(true)}>Save yours anyway</Button>
        </Notice>
      )}
      {rule && dirty && rule.state === "on" && <Notice tone="warn">This rule is on: what you save is enforced at once.</Notice>}
      {tab === "history" ? (
        <History app={app} id={id} onReverted={() => go(withQuery(at, { tab: undefined }))} />
      ) : (
        <div className={css.columns}>
          <fieldset className={css.form} disabled={!may}>
            <section className={`panel ${css.part}`} aria-label="Name">
              <TextInput label="Name" placeholder="Free plan: no orders" maxLength={200} value={draft.name} onChange={(event) => change({ name: event.currentTarget.value })} data-autofocus={id === "" || undefined} />
              <p className={css.sentence}>{sentence(draft)}.</p>
            </section>
            <Who app={app} draft={draft} onChange={change} />
            <When draft={draft} onChange={change} />
            <What draft={draft} onChange={change} />
            {rule && may && (
              <div className={css.end}>
                <span className="quiet">{stateWords[rule.state]}.</span>
                <span className={css.space} />
                {dropping ? (
                  <>
                    <span>Delete this rule{rule.state === "on" ? "? It is on" : "?"}</span>
                    <Button size="xs" color="red" onClick={() => void drop()}>Delete</Button>
                    <Button size="xs" variant="default" onClick={() => setDropping(false)}>Keep</Button>
                  </>
                ) : (
                  <Button size="xs" variant="subtle" color="red" onClick={() => setDropping(true)}>Delete rule</Button>
                )}
              </div>
            )}
          </fieldset>
          <TryOut app={app} draft={draft} />
        </div>
      )}
      <ConfirmOn app={app} rule={asked} onClose={() => setAsked(null)} onConfirm={(one) => ways.switchTo(one.id, "on")} />
    </div>
  );
}
