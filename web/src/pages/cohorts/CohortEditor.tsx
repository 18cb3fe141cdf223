import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useEffect, useState, type FormEvent } from "react";
import { useCohort, usePreview, useSaveCohort, type Cohort, type CohortKind, type Condition, type Criteria } from "../../api/cohorts";
import type { App } from "../../api/types";
import { Icon } from "../../ui/icons";
import { Notice, Trouble } from "../../ui/Notice";
import { go, href, useLocation, type Location } from "../../url/location";
import css from "./Cohorts.module.css";
import { ConditionFields } from "./ConditionFields";
import { complete, examples, howMany } from "./criteria";
import { MemberTable } from "./MemberTable";

/** Makes a cohort, or edits the one with this id. */
export function CohortEditor({ app, id }: { app: App; id?: string }) {
  const at = useLocation();
  const stored = useCohort(app.id, id ?? "", false);
  if (id === undefined) return <Form app={app} before={fromAddress(at)} />;
  if (stored.data) return <Form app={app} id={id} before={stored.data} />;
  return (
    <div className={css.page}>
      <Trouble error={stored.error} />
      {stored.isPending && <p className={css.loading} role="status">Loading…</p>}
    </div>
  );
}

type Before = Pick<Cohort, "name" | "kind" | "criteria">;

/** What a link to a new cohort says of it. */
function fromAddress(at: Location): Before {
  const example = examples.find((one) => one.name === at.query.get("example"));
  return {
    name: example?.name ?? "",
    kind: at.query.get("kind") === "user" ? "user" : "company",
    criteria: { match: "all", conditions: example?.conditions ?? [newUsage()] },
  };
}

const newUsage = (): Condition => ({ usage: { measure: "calls", op: "at_least", value: 100, hours: 168 } });
const newAttribute = (): Condition => ({ attribute: { field: "", op: "is", values: [] } });

function Form({ app, id, before }: { app: App; id?: string; before: Before }) {
  const at = useLocation();
  const where = { app: at.query.get("app") ?? undefined };
  const [name, setName] = useState(before.name);
  const [kind, setKind] = useState<CohortKind>(before.kind);
  const [match, setMatch] = useState(before.criteria.match);
  // Rows have keys of their own: one that is removed takes its fields with it.
  const [rows, setRows] = useState(() => before.criteria.conditions.map((condition, i) => ({ key: i, condition })));
  const [wanting, setWanting] = useState(false);
  const criteria: Criteria = { match, conditions: rows.map((row) => row.condition) };
  const ready = complete(criteria);
  const save = useSaveCohort(app.id, id);
  const back = href(id ? ["cohorts", id] : ["cohorts"], where);

  const text = JSON.stringify({ name, kind, criteria });
  const [start] = useState(text);
  useWarning(text !== start && !save.isSuccess);

  const add = (condition: Condition) => setRows([...rows, { key: Math.max(-1, ...rows.map((row) => row.key)) + 1, condition }]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setWanting(true);
    if (!name.trim() || !ready) return;
    save.mutate({ name: name.trim(), kind, criteria: ready }, { onSuccess: (saved) => go(href(["cohorts", saved.id], where)) });
  };

  return (
    <div className={css.page}>
      <a className={css.back} href={back}>
        <Icon name="arrowLeft" size={14} />
        {id ? before.name : "Cohorts"}
      </a>
      <div className={css.columns}>
        <form className={`panel ${css.form}`} aria-label={id ? "Edit the cohort" : "New cohort"} onSubmit={submit}>
          <h1>{id ? "Edit the cohort" : "New cohort"}</h1>
          <TextInput label="Name" size="sm" maxLength={200} value={name} onChange={(event) => setName(event.currentTarget.value)} error={wanting && !name.trim() && "Give it a name"} data-autofocus autoComplete="off" />
          <div className={css.line}>
            <span>Who is in:</span>
            <SegmentedControl size="xs" aria-label="Kind of customer" disabled={id !== undefined} value={kind} onChange={(next) => setKind(next)} data={[{ value: "company", label: "Companies" }, { value: "user", label: "Users" }]} />
            <span>with</span>
            <SegmentedControl size="xs" aria-label="How conditions are joined" value={match} onChange={(next) => setMatch(next)} data={[{ value: "all", label: "all of these" }, { value: "any", label: "one of these" }]} />
          </div>
          <ol className={css.conditions}>
            {rows.map((row, i) => (
              <li key={row.key}>
                {i > 0 && <span className={css.joint}>{match === "all" ? "and" : "or"}</span>}
                <ConditionFields
                  app={app.id}
                  kind={kind}
                  number={i + 1}
                  wanting={wanting}
                  condition={row.condition}
                  onChange={(condition) => setRows(rows.map((one) => (one.key === row.key ? { ...one, condition } : one)))}
                  onRemove={rows.length > 1 ? () => setRows(rows.filter((one) => one.key !== row.key)) : undefined}
                />
              </li>
            ))}
          </ol>
          <div className={css.buttons} data-side="start">
            <Button size="compact-sm" variant="light" disabled={rows.length >= 20} onClick={() => add(newUsage())}>Add what they did</Button>
            <Button size="compact-sm" variant="light" disabled={rows.length >= 20} onClick={() => add(newAttribute())}>Add what their profile says</Button>
          </div>
          {save.error && <Notice tone="bad">{save.error.message}</Notice>}
          <div className={css.buttons}>
            <Button size="xs" variant="default" component="a" href={back}>Cancel</Button>
            <Button size="xs" type="submit" loading={save.isPending}>{id ? "Save" : "Create the cohort"}</Button>
          </div>
        </form>
        <PreviewPanel app={app} kind={kind} criteria={ready} />
      </div>
    </div>
  );
}

/** Who would be in, a moment after the last change. */
function PreviewPanel({ app, kind, criteria }: { app: App; kind: CohortKind; criteria: Criteria | undefined }) {
  const [asked] = useDebouncedValue(JSON.stringify({ kind, criteria }), 350);
  const question = JSON.parse(asked) as { kind: CohortKind; criteria?: Criteria };
  const preview = usePreview(app.id, question.kind, question.criteria);
  const found = preview.data;
  const rest = (found?.members ?? 0) - (found?.customers.length ?? 0);
  return (
    <section className={`panel ${css.frame}`} aria-label="Preview" aria-busy={preview.isFetching}>
      <h2 className={css.title}>Preview</h2>
      {!criteria && <p className={css.note}>Fill in the conditions to see who would be in.</p>}
      {criteria && preview.error && <div className={css.note}><Notice tone="bad">{preview.error.message}</Notice></div>}
      {criteria && !preview.error && preview.isPending && <p className={css.note} role="status">Looking…</p>}
      {criteria && !preview.error && found && (
        <div data-stale={preview.isPlaceholderData} className={css.preview}>
          <p className={css.note} role="status">Would have <b>{howMany(question.kind, found.members)}</b> now.</p>
          {found.members > 0 && <MemberTable kind={question.kind} members={found.customers} loading={false} />}
          {rest > 0 && <p className={css.note}>and {howMany(question.kind, rest)} more</p>}
        </div>
      )}
    </section>
  );
}

/** Asks before the page is left with changes that are not saved. */
function useWarning(changed: boolean): void {
  useEffect(() => {
    if (!changed) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [changed]);
}
