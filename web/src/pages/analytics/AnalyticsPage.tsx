import { Button, Menu } from "@mantine/core";
import { useRef, useState } from "react";
import { getText } from "../../api/client";
import { useMay } from "../../api/rights";
import type { App, Question } from "../../api/types";
import { CopyButton } from "../../ui/CopyButton";
import { Icon } from "../../ui/icons";
import { Notice, Trouble } from "../../ui/Notice";
import { RangePicker } from "../../ui/RangePicker";
import { download } from "../../format/csv";
import { go, replace, useLocation, withQuery } from "../../url/location";
import { queryOfRange, rangeFromQuery } from "../../url/range";
import { AnswerView } from "./AnswerView";
import { AnalysisBuilder, FunnelBuilder, Reset, RetentionBuilder } from "./Builder";
import { SaveDialog } from "./SaveDialog";
import { askOf, questionOf, whole, withRange, type Kind } from "./question";
import { useAnswer, useCharts } from "./queries";
import css from "./analytics.module.css";

const titles: Record<Kind, string> = { analysis: "Questions", funnel: "Funnels", retention: "Retention" };

/** A question, put together and answered; all of it is in the address. */
export default function AnalyticsPage({ app, kind }: { app: App; kind: Kind }) {
  const at = useLocation();
  const range = rangeFromQuery(at.query, kind === "retention" ? "30d" : "7d");
  const question = questionOf(kind, at.query);
  const asked = withRange(question, range);
  const answer = useAnswer(app.id, asked);
  const charts = useCharts(app.id);
  const kept = charts.data?.find((chart) => chart.id === at.query.get("chart"));
  const may = useMay()("charts:write");
  const [saving, setSaving] = useState(false);
  const picture = useRef<(() => string) | undefined>(undefined);

  const change = (part: Partial<Question>) => replace(withQuery(at, { ask: askOf({ ...question, ...part }) }));
  const Builder = { analysis: AnalysisBuilder, funnel: FunnelBuilder, retention: RetentionBuilder }[kind];
  const chart = (question.chart || "line");
  const drawn = kind === "analysis" && chart !== "table";
  return (
    <div className={css.page}>
      <div className={css.tools}>
        <h1>{kept ? kept.name : titles[kind]}</h1>
        <div className={css.actions}>
          {kind !== "retention" && <RangePicker range={range} onChange={(next) => go(withQuery(at, queryOfRange(next)))} />}
          <Menu position="bottom-end">
            <Menu.Target>
              <Button variant="default" size="xs" leftSection={<Icon name="download" size={14} />} disabled={!answer.data}>Export</Button>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item onClick={() => void exportCsv(app.id, asked)}>CSV</Menu.Item>
              <Menu.Item onClick={() => download(`gatemeter-${kind}.json`, JSON.stringify(answer.data, null, 2))}>JSON</Menu.Item>
              {drawn && <Menu.Item onClick={() => picture.current && savePicture(picture.current())}>Picture (PNG)</Menu.Item>}
            </Menu.Dropdown>
          </Menu>
          <CopyButton text={() => window.location.href} label="Copy link" />
          {may && <Button size="xs" onClick={() => setSaving(true)}>{kept?.mine ? "Save" : "Keep as chart"}</Button>}
        </div>
      </div>
      <section className={`panel ${css.build}`} aria-label="Question">
        <Builder app={app.id} question={question} onChange={change} />
        {at.query.get("ask") && <Reset onReset={() => go(withQuery(at, { ask: undefined, chart: undefined }))} />}
      </section>
      {answer.error && !answer.data ? <Trouble error={answer.error} /> : answer.isError && <Notice tone="bad">{answer.error.message}</Notice>}
      <section className={`panel ${css.answer}`} aria-label="Answer" aria-busy={answer.isPlaceholderData} data-stale={answer.isPlaceholderData || answer.isError}>
        {answer.data ? (
          <AnswerView answer={answer.data} chart={chart} by={question.by} onReady={(make) => (picture.current = make)} />
        ) : (
          !answer.isError && <p className={css.nothing} role="status">Loading…</p>
        )}
        {answer.data?.analysis?.next && (question.limit ?? 20) < 1000 && (
          <div className={css.more}><Button size="xs" variant="default" loading={answer.isPlaceholderData} onClick={() => change({ limit: Math.min(1000, 2 * (question.limit || 20)) })}>Show more</Button></div>
        )}
        {answer.data?.analysis && <p className={css.source}>{answer.data.analysis.rollups ? "From rollups; percentiles within 2%." : "From single calls."}</p>}
      </section>
      {saving && <SaveDialog app={app.id} question={whole(asked)} kept={kept} onClose={() => setSaving(false)} onSaved={(id) => replace(withQuery(at, { chart: id }))} />}
    </div>
  );
}

async function exportCsv(app: string, question: Question): Promise<void> {
  download(`gatemeter-${question.kind}.csv`, await getText("/analytics/export", { app, question: JSON.stringify(whole(question)) }));
}

function savePicture(data: string): void {
  const link = document.createElement("a");
  link.href = data;
  link.download = "gatemeter-chart.png";
  link.click();
}
