import { ActionIcon, Autocomplete, Button, Checkbox, NativeSelect, SegmentedControl, Textarea, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useState } from "react";
import { useCohorts } from "../../api/cohorts";
import { useCustomers } from "../../api/queries";
import type { App } from "../../api/types";
import { count } from "../../format/number";
import { Icon } from "../../ui/icons";
import type { Customer, Draft, Who as Whom } from "./draft";
import css from "./RulePage.module.css";

interface Props {
  app: App;
  draft: Draft;
  onChange: (part: Partial<Draft>) => void;
}

const choices: { who: Whom; name: string; hint: string }[] = [
  { who: "everyone", name: "Everybody", hint: "Whoever calls" },
  { who: "companies", name: "Companies", hint: "Some, or all but some" },
  { who: "users", name: "Users", hint: "Some, or all but some" },
  { who: "unidentified", name: "Unidentified", hint: "Callers without a user" },
];

/** Whom the rule is for. */
export function Who({ app, draft, onChange }: Props) {
  const chosen = draft.who === "users" || draft.who === "companies";
  return (
    <section className={`panel ${css.part}`} aria-label="Who">
      <h2>Who</h2>
      <fieldset className={css.choices}>
        <legend className="unseen">Whom the rule is for</legend>
        {choices.map(({ who, name, hint }) => (
          <label key={who} className={css.choice}>
            <input type="radio" name="who" checked={draft.who === who} onChange={() => onChange({ who, cohort: "" })} />
            <span>{name}<small>{hint}</small></span>
          </label>
        ))}
      </fieldset>
      {chosen && (
        <>
          <SegmentedControl
            size="xs"
            aria-label="Which of them"
            value={draft.except ? "except" : "these"}
            onChange={(value) => onChange({ except: value === "except" })}
            data={[{ value: "these", label: `These ${draft.who}` }, { value: "except", label: `All ${draft.who} except these` }]}
          />
          <Cohort app={app} draft={draft} onChange={onChange} />
          {draft.cohort === "" && <Customers app={app} draft={draft} onChange={onChange} />}
          <Checkbox
            size="xs"
            label={`Also callers of whom no ${draft.who === "users" ? "user" : "company"} is known`}
            checked={draft.unidentified}
            onChange={(event) => onChange({ unidentified: event.currentTarget.checked })}
          />
        </>
      )}
    </section>
  );
}

/** A cohort instead of customers by their ids: the rule follows its members. */
function Cohort({ app, draft, onChange }: Props) {
  const cohorts = useCohorts(app.id);
  const kind = draft.who === "users" ? "user" : "company";
  const offers = (cohorts.data ?? []).filter((one) => one.kind === kind).map((one) => ({ value: one.id, label: `${one.name} (${count(one.members)} now)` }));
  const lost = draft.cohort !== "" && cohorts.data !== undefined && !offers.some((one) => one.value === draft.cohort);
  if (offers.length === 0 && draft.cohort === "") return null;
  return (
    <NativeSelect
      size="xs"
      label="From a cohort"
      description={draft.cohort === "" ? undefined : "The rule follows who enters and leaves it."}
      error={lost ? "This cohort is gone: the rule is not enforced" : undefined}
      value={draft.cohort}
      onChange={(event) => onChange({ cohort: event.currentTarget.value })}
      data={[{ value: "", label: "No, I name them" }, ...offers, ...(lost ? [{ value: draft.cohort, label: draft.cohort }] : [])]}
    />
  );
}

const shown = 50;

function Customers({ app, draft, onChange }: Props) {
  const kind = draft.who === "users" ? "users" : "companies";
  const [typed, setTyped] = useState("");
  const [pasting, setPasting] = useState(false);
  const [pasted, setPasted] = useState("");
  const [q] = useDebouncedValue(typed.trim(), 200);
  const known = useCustomers({ app: app.id, kind, range: { preset: "30d" }, q, sort: "calls" });
  const there = new Set(draft.customers.map((c) => c.id));
  const offers = (known.data?.pages[0]?.[kind] ?? []).map((row) => ("company_id" in row && kind === "companies" ? row.company_id : (row as { user_id: string }).user_id)).filter((id) => !there.has(id));

  const add = (ids: string[]) => {
    const more = [...new Set(ids.map((id) => id.trim()).filter((id) => id !== "" && !there.has(id)))];
    if (more.length > 0) onChange({ customers: [...draft.customers, ...more.map((id): Customer => ({ id, values: {} }))] });
    setTyped("");
  };
  const set = (id: string, tag: string, value: string) => onChange({ customers: draft.customers.map((c) => (c.id === id ? { ...c, values: { ...c.values, [tag]: value } } : c)) });
  const one = kind === "users" ? "user" : "company";
  const tags = draft.except ? [] : draft.tags; // the others have no values

  return (
    <>
      <form className={css.line} onSubmit={(event) => { event.preventDefault(); add([typed]); }}>
        <Autocomplete className={css.grow} size="xs" aria-label={`Add a ${one}`} placeholder={`Id of a ${one}`} data={offers.slice(0, 20)} value={typed} onChange={setTyped} onOptionSubmit={(id) => add([id])} />
        <Button type="submit" size="xs" variant="default" disabled={typed.trim() === ""}>Add</Button>
        <Button size="xs" variant="subtle" color="gray" onClick={() => setPasting(!pasting)} aria-expanded={pasting}>Paste a list</Button>
      </form>
      {pasting && (
        <div className={css.line}>
          <Textarea className={css.grow} size="xs" aria-label="Ids, one a line" placeholder="One id a line" autosize minRows={3} maxRows={10} value={pasted} onChange={(event) => setPasted(event.currentTarget.value)} />
          <Button size="xs" onClick={() => { add(pasted.split(/[\n,]/)); setPasted(""); setPasting(false); }}>Add all</Button>
        </div>
      )}
      {draft.customers.length > 0 && (
        <div className={css.scroll}>
          <table className={css.customers} aria-label="Customers of the rule">
            <thead><tr><th scope="col">{one}</th>{tags.map((tag) => <th key={tag.name} scope="col">{`{{${tag.name}}}`}</th>)}<th scope="col"><span className="unseen">Remove</span></th></tr></thead>
            <tbody>
              {draft.customers.slice(0, shown).map((c) => (
                <tr key={c.id}>
                  <td>{c.id}</td>
                  {tags.map((tag) => (
                    <td key={tag.name}><TextInput size="xs" aria-label={`${tag.name} of ${c.id}`} placeholder="from the profile" value={c.values[tag.name] ?? ""} onChange={(event) => set(c.id, tag.name, event.currentTarget.value)} /></td>
                  ))}
                  <td><ActionIcon size="sm" variant="subtle" color="gray" aria-label={`Remove ${c.id}`} onClick={() => onChange({ customers: draft.customers.filter((other) => other.id !== c.id) })}><Icon name="close" size={12} /></ActionIcon></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {draft.customers.length > shown && <p className={css.hint}>and {count(draft.customers.length - shown)} more</p>}
    </>
  );
}
