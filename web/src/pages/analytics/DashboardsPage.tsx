import { Button, Modal, Switch, TextInput } from "@mantine/core";
import { useState } from "react";
import { useMay } from "../../api/rights";
import type { App, Dashboard, SavedChart } from "../../api/types";
import { Notice, Trouble } from "../../ui/Notice";
import { Time } from "../../ui/Time";
import { go, useLocation } from "../../url/location";
import { EmbedDialog } from "./EmbedDialog";
import { hrefHere, hrefOf } from "./question";
import { useCharts, useDashboards, useDelete, useSaveDashboard } from "./queries";
import css from "./analytics.module.css";

/** The dashboards and the charts that somebody may see. */
export function DashboardsPage({ app }: { app: App }) {
  const at = useLocation();
  const dashboards = useDashboards(app.id);
  const charts = useCharts(app.id);
  const removeChart = useDelete(app.id, "charts");
  const may = useMay();
  const [making, setMaking] = useState(false);
  const [embedding, setEmbedding] = useState<string>();
  const [deleting, setDeleting] = useState<SavedChart>();
  const error = dashboards.error ?? charts.error;
  return (
    <div className={css.page}>
      <div className={css.tools}>
        <h1>Dashboards</h1>
        <div className={css.actions}>{may("charts:write") && <Button size="xs" onClick={() => setMaking(true)}>New dashboard</Button>}</div>
      </div>
      <Trouble error={error} />
      <section className="panel" aria-label="Dashboards">
        {!dashboards.data && !error && <p className={css.nothing} role="status">Loading…</p>}
        {dashboards.data?.length === 0 && <p className={css.nothing}>There is none yet.{may("charts:write") && " Make one, and keep questions as charts on it."}</p>}
        <ul className={css.cards}>
          {dashboards.data?.map((board) => (
            <li key={board.id}>
              <a href={hrefHere(at, ["dashboards", board.id ?? ""])}>{board.name}</a>
              <span className="quiet">{board.tiles?.length ?? 0} charts · {board.shared ? "shared" : "only you"} · changed <Time at={board.updated_at ?? null} as="ago" /></span>
            </li>
          ))}
        </ul>
      </section>
      <h2 className={css.heading}>Charts</h2>
      <section className="panel" aria-label="Charts">
        {charts.data?.length === 0 && <p className={css.nothing}>{may("charts:write") ? "Ask a question, and keep it as a chart." : "There is none yet."}</p>}
        <ul className={css.cards}>
          {charts.data?.map((chart) => (
            <li key={chart.id}>
              <a href={hrefOf(chart.question, at.query.get("app"), chart.id)}>{chart.name}</a>
              <span className="quiet">{chart.question.kind} · {chart.shared ? "shared" : "only you"}</span>
              <span className={css.cardActions}>
                {may("charts:embed") && <Button size="compact-xs" variant="default" onClick={() => setEmbedding(chart.id)}>Embed</Button>}
                {chart.mine && may("charts:write") && <Button size="compact-xs" variant="default" onClick={() => setDeleting(chart)}>Delete</Button>}
              </span>
            </li>
          ))}
        </ul>
      </section>
      {making && <NameDialog app={app.id} onClose={() => setMaking(false)} onSaved={(id) => go(hrefHere(at, ["dashboards", id]))} />}
      {embedding && <EmbedDialog app={app.id} of={{ chart: embedding }} onClose={() => setEmbedding(undefined)} />}
      {deleting && (
        <Confirm
          title={`Delete the chart “${deleting.name}”?`}
          text="Dashboards lose it, and links that embed it end. This cannot be undone."
          pending={removeChart.isPending}
          error={removeChart.error}
          onClose={() => setDeleting(undefined)}
          onConfirm={() => removeChart.mutate(deleting.id ?? "", { onSuccess: () => setDeleting(undefined) })}
        />
      )}
    </div>
  );
}

/** Names a dashboard, new or old. */
export function NameDialog({ app, board, onClose, onSaved }: { app: string; board?: Dashboard; onClose: () => void; onSaved: (id: string) => void }) {
  const [name, setName] = useState(board?.name ?? "");
  const [shared, setShared] = useState(board?.shared ?? true);
  const save = useSaveDashboard(app);
  return (
    <Modal opened onClose={onClose} title={board ? "Rename the dashboard" : "New dashboard"} centered>
      <form
        className={css.form}
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate(
            { id: board?.id, name, description: board?.description ?? "", shared, tiles: board?.tiles ?? [] },
            {
              onSuccess: (saved) => {
                onClose();
                onSaved(saved.id ?? "");
              },
            },
          );
        }}
      >
        <TextInput label="Name" data-autofocus required maxLength={200} value={name} onChange={(event) => setName(event.currentTarget.value)} />
        <Switch label="Everybody who is signed in sees it" checked={shared} onChange={(event) => setShared(event.currentTarget.checked)} />
        {save.error && <Notice tone="bad">{save.error.message}</Notice>}
        <div className={css.buttons}><Button type="submit" loading={save.isPending} disabled={!name.trim()}>Save</Button></div>
      </form>
    </Modal>
  );
}

/** Asks before something is gone. */
export function Confirm({ title, text, pending, error, onClose, onConfirm }: { title: string; text: string; pending: boolean; error: Error | null; onClose: () => void; onConfirm: () => void }) {
  return (
    <Modal opened onClose={onClose} title={title} centered>
      <div className={css.form}>
        <p>{text}</p>
        {error && <Notice tone="bad">{error.message}</Notice>}
        <div className={css.buttons}>
          <Button variant="default" data-autofocus onClick={onClose}>Cancel</Button>
          <Button color="red" loading={pending} onClick={onConfirm}>Delete</Button>
        </div>
      </div>
    </Modal>
  );
}
