import { ActionIcon, Autocomplete, Button, NumberInput, SegmentedControl, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { Icon } from "../../ui/icons";
import { bodyWith, emptyBody, messageOf, type Draft } from "./draft";
import css from "./RulePage.module.css";

interface Props {
  draft: Draft;
  onChange: (part: Partial<Draft>) => void;
}

const statuses: Record<number, string> = {
  401: "sign in first",
  402: "pay first",
  403: "not allowed",
  404: "there is no such thing",
  410: "gone for good",
  429: "too many calls",
  451: "not available for legal reasons",
  503: "not at the moment",
};

/** What the rule answers with. */
export function What({ draft, onChange }: Props) {
  return (
    <section className={`panel ${css.part}`} aria-label="What">
      <h2>What</h2>
      <fieldset className={css.choices}>
        <legend className="unseen">What the rule does</legend>
        <label className={css.choice}>
          <input type="radio" name="what" checked={draft.block} onChange={() => onChange({ block: true })} />
          <span>Block<small>The gateway answers; the backend is not asked</small></span>
        </label>
        <label className={css.choice}>
          <input type="radio" name="what" checked={!draft.block} onChange={() => onChange({ block: false })} />
          <span>Add headers<small>The call goes through, its answer gets headers</small></span>
        </label>
      </fieldset>
      {draft.block && (
        <>
          <div className={css.line}>
            <NumberInput size="xs" w={110} label="Status" min={200} max={999} allowDecimal={false} value={draft.status} onChange={(value) => onChange({ status: Number(value) || 0 })} />
            <span className={css.hint}>{statuses[draft.status] ?? ""}</span>
            {[402, 403, 429].filter((s) => s !== draft.status).map((s) => (
              <Button key={s} size="compact-xs" variant="subtle" color="gray" title={statuses[s]} onClick={() => onChange({ status: s })}>{s}</Button>
            ))}
          </div>
          <Body draft={draft} onChange={onChange} />
        </>
      )}
      <Headers draft={draft} onChange={onChange} />
      <Tags draft={draft} onChange={onChange} />
    </section>
  );
}

function Body({ draft, onChange }: Props) {
  const message = messageOf(draft.body);
  const [json, setJson] = useState(message === undefined);
  const plain = !json && message !== undefined;
  let wrong = "";
  try {
    JSON.parse(draft.body.trim() || "{}");
  } catch (error) {
    wrong = (error as Error).message;
  }
  const insert = (name: string) => {
    const tag = `{{${name}}}`;
    if (plain) onChange({ body: bodyWith(message + tag) });
    else onChange({ body: draft.body.replace(/"(\s*\}?\s*)$/, `${tag}"$1`) });
  };
  return (
    <div>
      <div className={css.line}>
        <SegmentedControl size="xs" aria-label="Kind of body" value={plain ? "message" : "json"} onChange={(value) => {
          setJson(value === "json");
          if (value === "message" && message === undefined) onChange({ body: emptyBody });
        }} data={[{ value: "message", label: "Message" }, { value: "json", label: "JSON (advanced)" }]} />
        {draft.tags.map((tag) => <Button key={tag.name} size="compact-xs" variant="light" onClick={() => insert(tag.name)}>{`{{${tag.name}}}`}</Button>)}
      </div>
      {plain ? (
        <Textarea mt={6} size="xs" aria-label="Message" autosize minRows={2} value={message} onChange={(event) => onChange({ body: bodyWith(event.currentTarget.value) })} />
      ) : (
        <Textarea mt={6} size="xs" aria-label="Body" autosize minRows={4} maxRows={20} spellCheck={false} error={wrong || undefined} styles={{ input: { fontFamily: "var(--mono)" } }} value={draft.body} onChange={(event) => onChange({ body: event.currentTarget.value })} />
      )}
    </div>
  );
}

function Headers({ draft, onChange }: Props) {
  const set = (i: number, part: { name?: string; value?: string }) => onChange({ headers: draft.headers.map((h, j) => (j === i ? { ...h, ...part } : h)) });
  return (
    <>
      {draft.headers.map((h, i) => (
        <div key={i} className={css.line}>
          <TextInput size="xs" className={css.grow} aria-label="Name of the header" placeholder="X-Plan" spellCheck={false} value={h.name} onChange={(event) => set(i, { name: event.currentTarget.value })} />
          <TextInput size="xs" className={css.grow} aria-label={`Value of ${h.name || "the header"}`} placeholder="value" spellCheck={false} value={h.value} onChange={(event) => set(i, { value: event.currentTarget.value })} />
          <ActionIcon variant="subtle" color="gray" aria-label={`Remove the header ${h.name}`} onClick={() => onChange({ headers: draft.headers.filter((_, j) => j !== i) })}><Icon name="close" size={14} /></ActionIcon>
        </div>
      ))}
      <div><Button size="compact-xs" variant="subtle" leftSection={<Icon name="plus" size={12} />} onClick={() => onChange({ headers: [...draft.headers, { name: "", value: "" }] })}>Add a header to the answer</Button></div>
    </>
  );
}

const sources = ["name", "email", "body.plan", "company_id"];

function Tags({ draft, onChange }: Props) {
  const first = draft.tags[0]?.name ?? "";
  const members = (draft.who === "users" || draft.who === "companies") && !draft.except;
  const own = draft.cohort === "" ? ", or the one you give in the list of customers" : "";
  const becomes = members ? `becomes what the customer's profile has there${own}` : "stays without a value: only members of a list or cohort have one";
  const set = (i: number, part: { name?: string; path?: string }) => onChange({ tags: draft.tags.map((t, j) => (j === i ? { ...t, ...part } : t)) });
  return (
    <>
      {draft.tags.map((tag, i) => (
        <div key={i} className={css.line}>
          <span className={css.and}>tag</span>
          <TextInput size="xs" className={css.grow} aria-label="Name of the merge tag" placeholder="plan" spellCheck={false} value={tag.name} onChange={(event) => set(i, { name: event.currentTarget.value })} />
          <Autocomplete size="xs" className={css.grow} aria-label={`Where ${tag.name || "the value"} comes from`} placeholder="body.plan" data={sources} value={tag.path} onChange={(path) => set(i, { path })} />
          <ActionIcon variant="subtle" color="gray" aria-label={`Remove the merge tag ${tag.name}`} onClick={() => onChange({ tags: draft.tags.filter((_, j) => j !== i) })}><Icon name="close" size={14} /></ActionIcon>
        </div>
      ))}
      <div><Button size="compact-xs" variant="subtle" leftSection={<Icon name="plus" size={12} />} onClick={() => onChange({ tags: [...draft.tags, { name: draft.tags.length === 0 ? "plan" : "", path: draft.tags.length === 0 ? "body.plan" : "" }] })}>Add a merge tag</Button></div>
      {draft.tags.length > 0 && <p className={css.hint}>{`{{${first}}} in the message and in headers ${becomes}; {{${first}|text}} has a text for those without one.`}</p>}
    </>
  );
}
