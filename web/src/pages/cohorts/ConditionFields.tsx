import { ActionIcon, Autocomplete, NumberInput, Select, TagsInput, TextInput } from "@mantine/core";
import { useState } from "react";
import { useProfileFields, type AttributeCondition, type CohortKind, type Condition, type UsageCondition } from "../../api/cohorts";
import { useFieldValues } from "../../api/queries";
import type { GroupBy } from "../../api/types";
import { Icon } from "../../ui/icons";
import css from "./Cohorts.module.css";
import { attributeOps, isTime, measures, takesNumber, takesValues, usageOps, type AttributeOp, type Measure } from "./criteria";

interface Props {
  app: string;
  kind: CohortKind;
  /** Its place in the list, for those who hear the form. */
  number: number;
  /** Whether what is missing is pointed at. */
  wanting: boolean;
  condition: Condition;
  onChange: (condition: Condition) => void;
  onRemove?: () => void;
}

/** One condition as a sentence whose words can be changed. */
export function ConditionFields({ condition, onRemove, number, ...rest }: Props) {
  return (
    <fieldset className={css.condition}>
      <legend className="unseen">Condition {number}</legend>
      {condition.usage && <UsageFields usage={condition.usage} {...rest} />}
      {condition.attribute && <AttributeFields attribute={condition.attribute} {...rest} />}
      {onRemove && (
        <ActionIcon variant="subtle" color="gray" size="sm" className={css.remove} aria-label={`Remove condition ${number}`} onClick={onRemove}>
          <Icon name="close" size={13} />
        </ActionIcon>
      )}
    </fieldset>
  );
}

type Inner = Omit<Props, "condition" | "onRemove" | "number">;

function UsageFields({ usage, app, wanting, onChange }: Inner & { usage: UsageCondition }) {
  const set = (change: Partial<UsageCondition>) => onChange({ usage: { ...usage, ...change } });
  const narrowed = [usage.routes, usage.verbs, usage.statuses].some((list) => (list?.length ?? 0) > 0);
  const [narrowing, setNarrowing] = useState(narrowed);
  const measure = (next: Measure) => set({ measure: next, ...(isTime(next) !== isTime(usage.measure) ? (isTime(next) ? { value: 168, hours: 0 } : { value: 100, hours: 168 }) : {}) });
  return (
    <>
      <div className={css.words}>
        <Select aria-label="What is measured" size="xs" w={isTime(usage.measure) ? 190 : 130} allowDeselect={false} data={measures} value={usage.measure} onChange={(next) => next && measure(next)} />
        <Select aria-label="Compared how" size="xs" w={104} allowDeselect={false} data={usageOps} value={usage.op} onChange={(next) => next && set({ op: next })} />
        {isTime(usage.measure) ? (
          <Span label="How long" hours={usage.value} onChange={(value) => set({ value })} />
        ) : (
          <NumberInput aria-label="Number" size="xs" w={92} min={0} hideControls thousandSeparator="," suffix={usage.measure === "error_rate" ? "%" : ""} value={Number.isFinite(usage.value) ? usage.value : ""} error={wanting && !Number.isFinite(usage.value)} onChange={(value) => set({ value: value === "" ? NaN : Number(value) })} />
        )}
        {!isTime(usage.measure) && <Window hours={usage.hours ?? 0} onChange={(hours) => set({ hours })} />}
        {!narrowing && <button type="button" className={`plain ${css.narrow}`} onClick={() => setNarrowing(true)}>only some calls</button>}
      </div>
      {narrowing && (
        <div className={css.words}>
          <Some app={app} by="route" label="Routes" placeholder="any route" values={usage.routes} onChange={(routes) => set({ routes })} />
          <Some app={app} by="verb" label="Verbs" placeholder="any verb" values={usage.verbs} onChange={(verbs) => set({ verbs: verbs?.map((v) => v.toUpperCase()) })} />
          <Some app={app} by="status" label="Statuses" placeholder="any status" values={usage.statuses} onChange={(statuses) => set({ statuses })} more={["2xx", "4xx", "5xx"]} />
        </div>
      )}
    </>
  );
}

function Window({ hours, onChange }: { hours: number; onChange: (hours: number) => void }) {
  if (hours === 0) {
    return (
      <>
        <span>ever</span>
        <button type="button" className={`plain ${css.narrow}`} onClick={() => onChange(168)}>limit in time</button>
      </>
    );
  }
  return (
    <>
      <span>in the last</span>
      <Span label="Window" hours={hours} onChange={(next) => onChange(Number.isFinite(next) ? Math.max(1, Math.round(next)) : 1)} />
      <button type="button" className={`plain ${css.narrow}`} onClick={() => onChange(0)}>no limit</button>
    </>
  );
}

/** A length of time in hours or days. */
function Span({ label, hours, onChange }: { label: string; hours: number; onChange: (hours: number) => void }) {
  const [unit, setUnit] = useState(hours > 0 && hours % 24 === 0 ? 24 : 1);
  return (
    <>
      <NumberInput aria-label={label} size="xs" w={60} min={0} hideControls value={Number.isFinite(hours) ? hours / unit : ""} onChange={(value) => onChange(value === "" ? NaN : Number(value) * unit)} />
      <Select
        aria-label={`${label}, unit`}
        size="xs"
        w={80}
        allowDeselect={false}
        data={[{ value: "1", label: "hours" }, { value: "24", label: "days" }]}
        value={String(unit)}
        onChange={(next) => {
          if (!next) return;
          setUnit(Number(next));
          onChange((hours / unit) * Number(next));
        }}
      />
    </>
  );
}

interface SomeProps {
  app: string;
  by: GroupBy;
  label: string;
  placeholder: string;
  values: string[] | undefined;
  more?: string[];
  onChange: (values: string[] | undefined) => void;
}

/** Some of the values that calls have had lately, or others that are typed. */
function Some({ app, by, label, placeholder, values = [], more = [], onChange }: SomeProps) {
  const seen = useFieldValues(app, by, {}, true);
  const known = [...new Set([...more, ...(seen.data ?? []).map((row) => row.key).filter(Boolean)])];
  return <TagsInput aria-label={label} className={css.some} size="xs" maxDropdownHeight={220} clearable placeholder={values.length === 0 ? placeholder : ""} data={known} value={values} onChange={(next) => onChange(next.length ? next : undefined)} />;
}

function AttributeFields({ attribute, app, kind, wanting, onChange }: Inner & { attribute: AttributeCondition }) {
  const fields = useProfileFields(app, kind);
  const set = (change: Partial<AttributeCondition>) => onChange({ attribute: { ...attribute, ...change } });
  const values = attribute.values ?? [];
  const setOp = (op: AttributeOp) => set({ op, values: takesValues(op) ? (takesNumber(op) ? values.slice(0, 1) : values) : undefined });
  return (
    <div className={css.words}>
      <Autocomplete
        aria-label="Field of the profile"
        size="xs"
        w={190}
        maxDropdownHeight={220}
        placeholder="metadata.plan"
        data={fields.data ?? []}
        value={attribute.field}
        error={wanting && !attribute.field}
        onChange={(field) => set({ field: field.trim() })}
      />
      <Select aria-label="Compared how" size="xs" w={124} allowDeselect={false} data={attributeOps} value={attribute.op} onChange={(next) => next && setOp(next)} />
      {takesNumber(attribute.op) && <TextInput aria-label="Number" size="xs" w={92} inputMode="decimal" value={values[0] ?? ""} error={wanting && values.length === 0} onChange={(event) => set({ values: event.currentTarget.value ? [event.currentTarget.value] : [] })} />}
      {takesValues(attribute.op) && !takesNumber(attribute.op) && (
        <TagsInput aria-label="Values" className={css.some} size="xs" acceptValueOnBlur placeholder={values.length === 0 ? "value, then Enter" : ""} value={values} error={wanting && values.length === 0} onChange={(next) => set({ values: next })} />
      )}
    </div>
  );
}
