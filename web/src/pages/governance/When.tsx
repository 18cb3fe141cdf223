import { ActionIcon, Button, NativeSelect, TextInput } from "@mantine/core";
import { Fragment } from "react";
import { Icon } from "../../ui/icons";
import { fault, fieldNames, newCondition, testNames, testsOf, type Condition, type Field, type Test } from "./condition";
import type { Draft } from "./draft";
import css from "./RulePage.module.css";

interface Props {
  draft: Draft;
  onChange: (part: Partial<Draft>) => void;
}

/** Which calls the rule is about. */
export function When({ draft, onChange }: Props) {
  const set = (g: number, group: Condition[] | undefined) => onChange({ groups: draft.groups.flatMap((other, i) => (i !== g ? [other] : group && group.length > 0 ? [group] : [])) });
  return (
    <section className={`panel ${css.part}`} aria-label="When">
      <h2>When</h2>
      {draft.groups.length === 0 && <p className={css.hint}>Every call. Add a condition to choose some.</p>}
      {draft.groups.map((group, g) => (
        <Fragment key={g}>
          {g > 0 && <div className={css.or}>or</div>}
          <div className={css.group} role="group" aria-label={`Conditions ${g + 1}`}>
            {group.length === 0 && <p className={css.hint}>Always.</p>}
            {group.map((c, i) => (
              <Line key={i} and={i > 0} condition={c} onChange={(next) => set(g, group.map((other, j) => (j === i ? next : other)))} onRemove={() => set(g, group.filter((_, j) => j !== i))} />
            ))}
            <div>
              <Button size="compact-xs" variant="subtle" onClick={() => set(g, [...group, newCondition()])}>and…</Button>
            </div>
          </div>
        </Fragment>
      ))}
      <div>
        <Button size="xs" variant="default" leftSection={<Icon name="plus" size={12} />} onClick={() => onChange({ groups: [...draft.groups, [newCondition()]] })}>
          {draft.groups.length === 0 ? "Add a condition" : "Or when…"}
        </Button>
      </div>
    </section>
  );
}

const examples: Record<Field, string> = { path: "/orders", verb: "GET", ip: "203.0.113.7", header: "value", body: "value" };

function Line({ and, condition: c, onChange, onRemove }: { and: boolean; condition: Condition; onChange: (c: Condition) => void; onRemove: () => void }) {
  const named = c.field === "header" || c.field === "body";
  const tests = testsOf(c.field, c.test);
  const wrong = fault(c);
  const choose = (field: Field) => onChange({ ...c, field, name: "", test: testsOf(field).includes(c.test) ? c.test : (testsOf(field)[0] ?? "is") });
  return (
    <>
      <div className={css.line}>
        <span className={css.and}>{and ? "and" : "if"}</span>
        <NativeSelect size="xs" aria-label="What to look at" value={c.field} onChange={(event) => choose(event.currentTarget.value as Field)} data={Object.entries(fieldNames).map(([value, label]) => ({ value, label }))} />
        {named && <TextInput size="xs" className={css.grow} aria-label={c.field === "header" ? "Header" : "Field"} placeholder={c.field === "header" ? "X-Plan" : "plan.name"} spellCheck={false} value={c.name} onChange={(event) => onChange({ ...c, name: event.currentTarget.value })} />}
        <NativeSelect size="xs" aria-label="How" value={c.test} onChange={(event) => onChange({ ...c, test: event.currentTarget.value as Test })} data={tests.map((test) => ({ value: test, label: testNames[test] }))} />
        <TextInput size="xs" className={css.grow} aria-label="Value" placeholder={c.test === "one" ? "a, b, c" : c.test === "regex" ? "^/orders/[0-9]+$" : examples[c.field]} spellCheck={false} value={c.text} onChange={(event) => onChange({ ...c, text: event.currentTarget.value })} styles={c.test === "regex" ? { input: { fontFamily: "var(--mono)" } } : undefined} />
        <ActionIcon className={css.remove} variant="subtle" color="gray" aria-label="Remove the condition" onClick={onRemove}><Icon name="close" size={14} /></ActionIcon>
      </div>
      {c.test === "regex" && <p className={css.hint}>A regular expression (RE2) that must be found somewhere in it; ^ and $ are its begin and end. Upper and lower case differ.</p>}
      {c.test === "one" && <p className={css.hint}>Separate the values by commas.</p>}
      {wrong && <p className={`${css.hint} ${css.bad}`}>{wrong}.</p>}
    </>
  );
}
