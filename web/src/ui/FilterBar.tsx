import { TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useEffect, useRef, useState } from "react";
import { fields, isEmpty, parseTyped, type Field, type Filters } from "../url/filters";
import { FilterSlot } from "./FilterSlot";
import css from "./FilterBar.module.css";
import { Icon } from "./icons";
import { useKeys } from "./keys";

interface Props {
  app: string;
  filters: Filters;
  /** typing is true while the text may still grow: no step of the history then. */
  onChange: (filters: Filters, typing: boolean) => void;
}

/**
 * Narrows calls: free text that acts while it is typed, words such as
 * `status:5xx` that become chips, and one chip for each field.
 */
export function FilterBar({ app, filters, onChange }: Props) {
  const input = useRef<HTMLInputElement>(null);
  useKeys({
    "/": (event) => {
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    },
  });
  const set = (field: Field, value: string | undefined) => onChange({ ...filters, [field]: value }, false);

  return (
    <div className={css.bar} role="search" aria-label="Filter calls">
      <FreeText input={input} filters={filters} onChange={onChange} />
      <div className={css.slots}>
        {fields
          .filter((field) => field !== "path" || filters.path)
          .map((field) => (
            <FilterSlot key={field} app={app} field={field} filters={filters} onChange={(value) => set(field, value)} />
          ))}
        <button type="button" className={css.toggle} aria-pressed={filters.errors === true} onClick={() => onChange({ ...filters, errors: filters.errors ? undefined : true }, false)}>
          Errors only
        </button>
        {!isEmpty(filters) && (
          <button type="button" className={`plain ${css.clear}`} onClick={() => onChange({}, false)}>
            Clear
          </button>
        )}
      </div>
    </div>
  );
}

function FreeText({ input, filters, onChange }: Omit<Props, "app"> & { input: React.RefObject<HTMLInputElement | null> }) {
  const [draft, setDraft] = useState(filters.q ?? "");
  const sent = useRef(filters.q ?? "");

  // The address changed by itself (back, a link): follow it.
  useEffect(() => {
    if ((filters.q ?? "") === sent.current) return;
    sent.current = filters.q ?? "";
    setDraft(sent.current);
  }, [filters.q]);

  const apply = (typed: string, whole: boolean) => {
    const { filters: found, rest } = parseTyped(whole ? typed : withoutUnfinished(typed));
    const q = rest || undefined;
    sent.current = q ?? "";
    onChange({ ...filters, ...found, q }, isEmpty(found));
    if (!isEmpty(found)) setDraft(rest);
  };
  const applySoon = useDebouncedCallback((typed: string) => apply(typed, false), 200);

  const typed = (text: string) => {
    setDraft(text);
    // A space ends a word: `status:5xx ` becomes a chip at once.
    if (text.endsWith(" ") && !isEmpty(parseTyped(text).filters)) {
      applySoon.cancel();
      apply(text, true);
    } else {
      applySoon(text);
    }
  };

  return (
    <TextInput
      ref={input}
      className={css.text}
      size="sm"
      type="search"
      aria-label="Filter"
      aria-keyshortcuts="/"
      placeholder="Filter: text, or status:5xx user:jane"
      leftSection={<Icon name="search" size={15} />}
      rightSection={draft ? undefined : <kbd className={css.key}>/</kbd>}
      spellCheck={false}
      autoComplete="off"
      value={draft}
      onChange={(event) => typed(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === "Enter") {
          applySoon.cancel();
          apply(draft, true);
        }
        if (event.key === "Escape") {
          event.stopPropagation();
          input.current?.blur();
        }
      }}
    />
  );
}

/** A word such as `status:5` may still grow; it is not searched for meanwhile. */
function withoutUnfinished(text: string): string {
  return text.replace(/(^|\s)[A-Za-z_]+:("[^"]*|\S*)$/, "$1");
}
