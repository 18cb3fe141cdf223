import { Combobox, useCombobox } from "@mantine/core";
import { useState } from "react";
import { useFieldValues } from "../api/queries";
import type { GroupBy } from "../api/types";
import { compact } from "../format/number";
import { labels, normalize, type Field, type Filters } from "../url/filters";
import css from "./FilterBar.module.css";
import { Icon } from "./icons";

interface Props {
  app: string;
  field: Field;
  filters: Filters;
  onChange: (value: string | undefined) => void;
}

const always: Partial<Record<Field, string[]>> = {
  status: ["2xx", "3xx", "4xx", "5xx"],
  verb: ["GET", "POST", "PUT", "PATCH", "DELETE"],
};

/** One field of the filter: empty it offers values, filled it is a chip. */
export function FilterSlot({ app, field, filters, onChange }: Props) {
  const value = filters[field];
  if (value) {
    return (
      <span className={css.chip}>
        <span className={css.field}>{labels[field]}</span>
        <span className={css.value} title={value}>{value}</span>
        <button type="button" className="plain" aria-label={`Remove filter ${labels[field]} ${value}`} onClick={() => onChange(undefined)}>
          <Icon name="close" size={12} />
        </button>
      </span>
    );
  }
  return <FieldMenu app={app} field={field as GroupBy} filters={filters} onChange={onChange} />;
}

function FieldMenu({ app, field, filters, onChange }: Props & { field: GroupBy }) {
  const [search, setSearch] = useState("");
  const menu = useCombobox({
    onDropdownOpen: () => menu.focusSearchInput(),
    onDropdownClose: () => {
      setSearch("");
      menu.resetSelectedOption();
    },
  });
  const seen = useFieldValues(app, field, filters, menu.dropdownOpened);

  const calls = new Map((seen.data ?? []).filter((row) => row.key !== "").map((row) => [row.key, row.calls]));
  const offered = [...new Set([...(always[field] ?? []), ...calls.keys()])];
  const wanted = search.trim().toLowerCase();
  const options = offered.filter((one) => one.toLowerCase().includes(wanted)).slice(0, 12);
  const exact = normalize(field, search);
  if (exact && !options.includes(exact)) options.push(exact);

  return (
    <Combobox
      store={menu}
      width={260}
      position="bottom-start"
      shadow="md"
      onOptionSubmit={(chosen) => {
        menu.closeDropdown();
        onChange(chosen);
      }}
    >
      <Combobox.Target withAriaAttributes={false}>
        <button type="button" className={css.toggle} aria-haspopup="listbox" aria-expanded={menu.dropdownOpened} aria-label={`Filter by ${labels[field].toLowerCase()}`} onClick={() => menu.toggleDropdown()}>
          {labels[field]}
          <Icon name="chevron" size={12} />
        </button>
      </Combobox.Target>
      <Combobox.Dropdown>
        <Combobox.Search value={search} onChange={(event) => setSearch(event.currentTarget.value)} placeholder={`${labels[field]} is…`} aria-label={`${labels[field]} is`} />
        <Combobox.Options>
          {options.map((option) => (
            <Combobox.Option key={option} value={option} className={css.option}>
              <span>{option}</span>
              {calls.has(option) && <span className="quiet">{compact(calls.get(option) ?? 0)}</span>}
            </Combobox.Option>
          ))}
          {options.length === 0 && <Combobox.Empty>{seen.isFetching ? "Looking…" : "Nothing seen in the last 7 days"}</Combobox.Empty>}
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  );
}
