import { Button, CloseButton, NumberInput, SegmentedControl, Select, Switch, TextInput } from "@mantine/core";
import type { Question, QuestionStep } from "../../api/types";
import { FieldInput, Filters } from "./Filters";
import { cut, metricNames, ofField, type ChartKind } from "./question";
import css from "./analytics.module.css";

interface Props {
  app: string;
  question: Question;
  onChange: (change: Partial<Question>) => void;
}

const charts: { value: ChartKind; label: string }[] = [
  { value: "line", label: "Line" },
  { value: "stacked", label: "Stacked" },
  { value: "bar", label: "Bars" },
  { value: "table", label: "Table" },
];

const intervals = [
  { value: "", label: "Automatic" },
  { value: "1m", label: "Minute" },
  { value: "1h", label: "Hour" },
  { value: "1d", label: "Day" },
  { value: "7d", label: "7 days" },
];

/** The parts of a question about numbers. */
export function AnalysisBuilder({ app, question, onChange }: Props) {
  const metrics = question.metrics ?? [];
  const groups = question.groups ?? [];
  const chart = (question.chart || "line");
  const setMetric = (i: number, metric: string | undefined) =>
    onChange({ metrics: metric === undefined ? metrics.filter((_, k) => k !== i) : metrics.map((one, k) => (k === i ? metric : one)), order: undefined });
  const setGroup = (i: number, field: string | undefined) => onChange({ groups: field === undefined ? groups.filter((_, k) => k !== i) : groups.map((one, k) => (k === i ? field : one)) });
  return (
    <div className={css.builder}>
      <Part name="Show">
        {metrics.map((metric, i) => <MetricInput key={i} metric={metric} onChange={(next) => setMetric(i, next)} onRemove={metrics.length > 1 ? () => setMetric(i, undefined) : undefined} />)}
        {metrics.length < 6 && <button type="button" className={`plain ${css.add}`} onClick={() => onChange({ metrics: [...metrics, metrics.includes("count") ? "error_rate" : "count"] })}>+ Metric</button>}
      </Part>
      <Part name="Group by">
        {groups.map((group, i) => (
          <span key={i} className={css.group}>
            <FieldInput label={`Group ${i + 1}`} value={group} onChange={(field) => setGroup(i, field)} />
            <CloseButton size="sm" aria-label="Remove group" onClick={() => setGroup(i, undefined)} />
          </span>
        ))}
        {groups.length < 3 && <button type="button" className={`plain ${css.add}`} onClick={() => onChange({ groups: [...groups, ""] })}>+ Group</button>}
      </Part>
      <Part name="Where">
        <Filters app={app} label="Filters" filters={question.filters ?? []} onChange={(filters) => onChange({ filters })} />
      </Part>
      <Part name="As">
        <SegmentedControl size="xs" aria-label="Chart" data={charts} value={chart} onChange={(next) => onChange({ chart: next, limit: undefined })} />
        {chart !== "table" && <Select size="xs" className={css.interval} aria-label="Interval" data={intervals} allowDeselect={false} value={question.interval ?? ""} onChange={(next) => onChange({ interval: next || undefined })} />}
        <NumberInput size="xs" className={css.limit} aria-label="Groups" min={1} max={chart === "table" ? 1000 : 50} placeholder="Groups" value={question.limit || ""} onChange={(next) => onChange({ limit: Number(next) || undefined })} />
        <Switch size="xs" label="Compare with the span before" checked={question.compare ?? false} onChange={(event) => onChange({ compare: event.currentTarget.checked || undefined })} />
      </Part>
    </div>
  );
}

function Part({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className={css.part} role="group" aria-label={name}>
      <span className={css.partName} aria-hidden="true">{name}</span>
      <div className={css.partBody}>{children}</div>
    </div>
  );
}

function MetricInput({ metric, onChange, onRemove }: { metric: string; onChange: (metric: string) => void; onRemove?: () => void }) {
  const [kind, field] = cut(metric);
  return (
    <span className={css.group}>
      <Select
        size="xs"
        className={css.metric}
        aria-label="Metric"
        searchable
        allowDeselect={false}
        data={Object.entries(metricNames).map(([value, label]) => ({ value, label }))}
        value={kind}
        onChange={(next) => onChange(next && ofField.includes(next) ? `${next}:${field || "response_bytes"}` : (next ?? "count"))}
      />
      {ofField.includes(kind) && <FieldInput label="Field of the metric" value={field} onChange={(next) => onChange(`${kind}:${next}`)} />}
      {onRemove && <CloseButton size="sm" aria-label="Remove metric" onClick={onRemove} />}
    </span>
  );
}

const who = [{ value: "user", label: "Users" }, { value: "company", label: "Companies" }];
const withins = [{ value: "1h", label: "an hour" }, { value: "1d", label: "a day" }, { value: "7d", label: "7 days" }, { value: "30d", label: "30 days" }, { value: "90d", label: "90 days" }];
const starts = [{ value: "first", label: "New ones: from their first call of all" }, { value: "any", label: "All: from any call that fits the first step" }];

/** The parts of a funnel. */
export function FunnelBuilder({ app, question, onChange }: Props) {
  const steps = question.steps ?? [];
  const set = (i: number, step: QuestionStep | undefined) => onChange({ steps: step === undefined ? steps.filter((_, k) => k !== i) : steps.map((one, k) => (k === i ? step : one)) });
  return (
    <div className={css.builder}>
      <Part name="Who">
        <SegmentedControl size="xs" aria-label="Who takes the steps" data={who} value={question.by || "user"} onChange={(by) => onChange({ by: by as "user" | "company" })} />
        <Select size="xs" className={css.start} aria-label="Which of them" data={starts} allowDeselect={false} value={question.start || "first"} onChange={(start) => onChange({ start: start as "any" | "first" })} />
      </Part>
      <Part name="Within">
        <Select size="xs" className={css.interval} aria-label="Within" data={withins} allowDeselect={false} value={question.within || "7d"} onChange={(within) => onChange({ within: within ?? "7d" })} />
      </Part>
      {steps.map((step, i) => (
        <Part key={i} name={`Step ${i + 1}`}>
          <StepName name={step.name ?? ""} at={i} onChange={(name) => set(i, { ...step, name })} />
          <Filters app={app} label={`Filters of step ${i + 1}`} filters={step.filters ?? []} onChange={(filters) => set(i, { ...step, filters })} />
          {steps.length > 2 && <CloseButton size="sm" aria-label={`Remove step ${i + 1}`} onClick={() => set(i, undefined)} />}
        </Part>
      ))}
      {steps.length < 8 && <div className={css.part}><span /><button type="button" className={`plain ${css.add}`} onClick={() => onChange({ steps: [...steps, { name: "", filters: [] }] })}>+ Step</button></div>}
      <Part name="Where">
        <Filters app={app} label="Filters" filters={question.filters ?? []} onChange={(filters) => onChange({ filters })} />
      </Part>
    </div>
  );
}

function StepName({ name, at, onChange }: { name: string; at: number; onChange: (name: string) => void }) {
  return <TextInput key={name} size="xs" className={css.field} aria-label={`Name of step ${at + 1}`} placeholder="Name" maxLength={200} defaultValue={name} onBlur={(event) => event.currentTarget.value !== name && onChange(event.currentTarget.value)} />;
}

/** The parts of a question about coming back. */
export function RetentionBuilder({ app, question, onChange }: Props) {
  return (
    <div className={css.builder}>
      <Part name="Who">
        <SegmentedControl size="xs" aria-label="Who comes back" data={who} value={question.by || "user"} onChange={(by) => onChange({ by: by as "user" | "company" })} />
        <Select size="xs" className={css.interval} aria-label="Weeks" data={["4", "8", "12", "26", "52"].map((n) => ({ value: n, label: `${n} weeks` }))} allowDeselect={false} value={String(question.weeks || 8)} onChange={(weeks) => onChange({ weeks: Number(weeks) })} />
      </Part>
      <Part name="Comes back with">
        <Filters app={app} label="Which calls are a coming back" filters={question.return ?? []} onChange={(next) => onChange({ return: next })} />
      </Part>
      <Part name="Where">
        <Filters app={app} label="Filters" filters={question.filters ?? []} onChange={(filters) => onChange({ filters })} />
      </Part>
    </div>
  );
}

/** A question has to be begun again when it got out of hand. */
export function Reset({ onReset }: { onReset: () => void }) {
  return <Button variant="subtle" color="gray" size="compact-sm" onClick={onReset}>Start again</Button>;
}
