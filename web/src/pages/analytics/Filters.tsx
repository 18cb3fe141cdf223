import { Autocomplete, CloseButton, Select, TagsInput } from "@mantine/core";
import { useState } from "react";
import type { QuestionFilter } from "../../api/types";
import { needsValue, opNames } from "./question";
import { useFields, useValues } from "./queries";
import css from "./analytics.module.css";

interface Props {
  app: string;
  /** What the filters are for, for those who hear the page. */
  label: string;
  filters: QuestionFilter[];
  onChange: (filters: QuestionFilter[]) => void;
}

/** Conditions on calls, all of which must hold. */
export function Filters({ app, label, filters, onChange }: Props) {
  const set = (i: number, filter: QuestionFilter) => onChange(filters.map((one, k) => (k === i ? filter : one)));
  return (
    <div className={css.filters} role="group" aria-label={label}>
      {filters.map((filter, i) => (
        <FilterLine key={i} app={app} filter={filter} onChange={(next) => set(i, next)} onRemove={() => onChange(filters.filter((_, k) => k !== i))} />
      ))}
      <button type="button" className={`plain ${css.add}`} onClick={() => onChange([...filters, { field: "", op: "is", values: [] }])}>+ Filter</button>
    </div>
  );
}

function FilterLine({ app, filter, onChange, onRemove }: { app: string; filter: QuestionFilter; onChange: (filter: QuestionFilter) => void; onRemove: () => void }) {
  const [open, setOpen] = useState(false);
  const values = useValues(app, filter.field, open);
  return (
    <div className={css.filter}>
      <FieldInput label="Field" value={filter.field} onChange={(field) => onChange({ ...filter, field, values: [] })} />
      <Select
        size="xs"
        className={css.op}
        aria-label="Comparison"
        allowDeselect={false}
        data={Object.entries(opNames).map(([value, label]) => ({ value, label }))}
        value={filter.op}
        onChange={(op) => onChange({ ...filter, op: op ?? "is", values: needsValue(op ?? "is") ? filter.values : [] })}
      />
      {needsValue(filter.op) && (
        <TagsInput
          size="xs"
          className={css.values}
          aria-label="Values"
          placeholder={filter.values?.length ? undefined : "Value, then Enter"}
          data={values.data ?? []}
          maxTags={/^[gl]te?$/.test(filter.op) ? 1 : 100}
          acceptValueOnBlur
          value={filter.values ?? []}
          onFocus={() => setOpen(true)}
          onChange={(next) => onChange({ ...filter, values: next })}
        />
      )}
      <CloseButton size="sm" aria-label="Remove filter" onClick={onRemove} />
    </div>
  );
}

/** A field by its name: a column, or a place in a header or a body. */
export function FieldInput({ label, value, onChange }: { label: string; value: string; onChange: (field: string) => void }) {
  const fields = useFields();
  const [draft, setDraft] = useState(value);
  const [shown, setShown] = useState(value);
  if (value !== shown) { // the address changed by itself
    setShown(value);
    setDraft(value);
  }
  const commit = (field: string) => {
    setDraft(field);
    if (field !== value) onChange(field);
  };
  return (
    <Autocomplete
      size="xs"
      className={css.field}
      aria-label={label}
      placeholder="Field"
      data={[...(fields.data?.fields ?? []), ...(fields.data?.prefixes ?? [])]}
      limit={40}
      spellCheck={false}
      value={draft}
      onChange={setDraft}
      onOptionSubmit={(field) => (field.endsWith(".") ? setDraft(field) : commit(field))}
      onBlur={() => commit(draft.trim().replace(/\.$/, ""))}
      onKeyDown={(event) => event.key === "Enter" && commit(draft.trim().replace(/\.$/, ""))}
    />
  );
}
