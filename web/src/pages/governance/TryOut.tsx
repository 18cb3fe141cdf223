import { Autocomplete, Button, SegmentedControl } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useMemo, useState } from "react";
import type { App } from "../../api/types";
import { Notice } from "../../ui/Notice";
import { go, useLocation, withQuery } from "../../url/location";
import { faults, ruleOf, type Draft } from "./draft";
import { OutcomeLists, OutcomeWords } from "./Outcome";
import { useDryRun, usePreview } from "./queries";
import css from "./TryOut.module.css";

/** What the draft would answer, and what it would have done to the calls there were. */
export function TryOut({ app, draft }: { app: App; draft: Draft }) {
  return (
    <aside className={css.column} aria-label="Try it">
      <Preview app={app} draft={draft} />
      <Past app={app} draft={draft} />
    </aside>
  );
}

/** The draft as the API takes it; a name is not needed to try it. Null while it cannot be used. */
function usable(draft: Draft): Record<string, unknown> | null {
  const named = { ...draft, name: draft.name.trim() || "Draft" };
  return faults(named).length === 0 ? ruleOf(named) : null;
}

function Preview({ app, draft }: { app: App; draft: Draft }) {
  const [customer, setCustomer] = useState("");
  const named = draft.who === "users" || draft.who === "companies";
  const first = draft.except ? "" : (draft.customers[0]?.id ?? "");
  const chosen = named ? customer.trim() || first : "";
  const [settled] = useDebouncedValue(draft, 250);
  const asked = useMemo(() => {
    const rule = usable(settled);
    return rule && { rule, customer: chosen };
  }, [settled, chosen]);
  const preview = usePreview(app.id, asked);
  const answer = preview.data;
  return (
    <section className={`panel ${css.part}`} aria-label="Preview">
      <h2>Answer</h2>
      {named && (
        <Autocomplete size="xs" label={`As this ${draft.who === "users" ? "user" : "company"} gets it`} placeholder={first || "nobody in particular"} data={draft.customers.slice(0, 50).map((c) => c.id)} value={customer} onChange={setCustomer} />
      )}
      {asked === null ? (
        <p className="quiet">Shown as soon as the rule can be used.</p>
      ) : preview.error ? (
        <Notice tone="bad">{preview.error.message}</Notice>
      ) : answer ? (
        <>
          {named && chosen && !answer.applies && <Notice tone="warn">The rule is not for {chosen}.</Notice>}
          <pre className={css.answer} data-stale={preview.isPlaceholderData}>
            {answer.blocked ? <strong>HTTP {answer.status}</strong> : <span className="quiet">The backend’s answer, and</span>}
            {"\n"}
            {Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}\n`)}
            {answer.blocked && answer.body !== undefined && answer.body !== null && "\n" + JSON.stringify(answer.body, null, 2)}
          </pre>
        </>
      ) : (
        <p className="quiet" role="status">Loading…</p>
      )}
    </section>
  );
}

const spans = [
  { value: "24h", label: "24 hours" },
  { value: "7d", label: "7 days" },
  { value: "30d", label: "30 days" },
];

function Past({ app, draft }: { app: App; draft: Draft }) {
  const at = useLocation();
  const span = spans.find((one) => one.value === at.query.get("range"))?.value ?? "7d";
  const run = useDryRun(app.id);
  const rule = usable(draft);
  const asked = JSON.stringify(rule);
  const old = run.variables !== undefined && JSON.stringify(run.variables.rule) !== asked;
  return (
    <section className={`panel ${css.part}`} aria-label="Dry run">
      <h2>On past calls</h2>
      <div className={css.line}>
        <SegmentedControl size="xs" aria-label="Calls of the last" value={span} onChange={(range) => go(withQuery(at, { range }))} data={spans} />
        <Button size="xs" variant="light" loading={run.isPending} disabled={rule === null} onClick={() => run.mutate({ rule, from: "-" + span })}>Try it</Button>
      </div>
      <div aria-live="polite">
        {run.error && <Notice tone="bad">{run.error.message}</Notice>}
        {run.data ? (
          <div data-stale={old} className={css.outcome}>
            {old && <p className="quiet">The rule has changed since: try again.</p>}
            <OutcomeWords run={run.data} />
            <OutcomeLists app={app} run={run.data} />
          </div>
        ) : (
          !run.error && <p className="quiet">See which calls the rule, alone, would have {draft.block ? "blocked" : "changed"}. Nothing is saved and nobody is affected.</p>
        )}
      </div>
    </section>
  );
}
