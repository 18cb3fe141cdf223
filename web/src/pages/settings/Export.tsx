import { Button, Checkbox, Progress, SegmentedControl, Select } from "@mantine/core";
import { useApps } from "../../api/queries";
import type { App, ExportPreview } from "../../api/types";
import { bytes } from "../../format/number";
import { FilterBar } from "../../ui/FilterBar";
import { Icon } from "../../ui/icons";
import { Notice, Trouble } from "../../ui/Notice";
import { RangePicker } from "../../ui/RangePicker";
import { filtersFromQuery, queryOfFilters, type Filters } from "../../url/filters";
import { go, replace, useLocation, withQuery } from "../../url/location";
import { queryOfRange, rangeFromQuery } from "../../url/range";
import css from "./Export.module.css";
import { fault, formatMeans, formatNames, formatOf, formats, sentence, type Wanted } from "./export";
import page from "./Settings.module.css";
import { useExport, useExportPreview, type Run } from "./useExport";

/** Calls as a file. What is asked for is in the address. */
export function Export({ app }: { app: App }) {
  const at = useLocation();
  const apps = useApps();
  const wanted: Wanted = { format: formatOf(at.query), bodies: at.query.get("bodies") === "1", range: rangeFromQuery(at.query), filters: filtersFromQuery(at.query) };
  const preview = useExportPreview(app, wanted);
  const { run, start, cancel } = useExport(app);
  const busy = run.state === "writing" || run.state === "receiving";
  const set = (change: Record<string, string | undefined>) => replace(withQuery(at, change));
  const setFilters = (next: Filters, typing: boolean) => (typing ? replace : go)(withQuery(at, queryOfFilters(next)));
  const why = preview.data && fault(wanted, preview.data);
  return (
    <>
      <header className={page.head}>
        <div>
          <h2>Export</h2>
          <p className="quiet">Calls with their headers, as a file for other programs.</p>
        </div>
      </header>
      <section className={`panel ${css.form}`} aria-label="What to export">
        <div className={css.row}>
          {(apps.data?.length ?? 0) > 1 && (
            <Select label="Application" className={css.app} data={apps.data?.map((one) => ({ value: one.id, label: one.name })) ?? []} value={app.id} allowDeselect={false} disabled={busy} onChange={(id) => id && go(withQuery(at, { app: id }))} />
          )}
          <div className={css.field}>
            <span className={css.label}>Time</span>
            <RangePicker range={wanted.range} onChange={(range) => go(withQuery(at, queryOfRange(range)))} />
          </div>
          <div className={css.field}>
            <span className={css.label} id="export-format">Format</span>
            <SegmentedControl size="xs" aria-labelledby="export-format" data={formats.map((value) => ({ value, label: formatNames[value] }))} value={wanted.format} disabled={busy} onChange={(format) => set({ format: format === "ndjson" ? undefined : format })} />
          </div>
        </div>
        <p className="quiet">{formatMeans[wanted.format]}</p>
        <div className={css.field}>
          <span className={css.label}>Which calls</span>
          <FilterBar app={app.id} filters={wanted.filters} onChange={setFilters} />
        </div>
        <Checkbox label="With request and response bodies" checked={wanted.bodies} disabled={busy} onChange={(event) => set({ bodies: event.currentTarget.checked ? "1" : undefined })} />
      </section>
      <Trouble error={preview.error} />
      <section className={`panel ${css.what}`} aria-label="What is exported" aria-busy={preview.isFetching}>
        {preview.data && !why && <p role="status">{sentence(app, wanted, preview.data)}</p>}
        {why && (preview.data?.events ? <Notice tone="bad">{why}</Notice> : <p className="quiet" role="status">{why}</p>)}
        {!preview.data && !preview.error && <p className="quiet" role="status">Counting…</p>}
        <div className={css.buttons}>
          <Button leftSection={<Icon name="download" size={15} />} loading={busy} disabled={!preview.data || why !== undefined} onClick={() => void start(wanted, preview.data?.bytes ?? 0)}>Download {formatNames[wanted.format]}</Button>
          {busy && <Button variant="default" onClick={cancel}>Cancel</Button>}
        </div>
        <Progressing run={run} preview={preview.data} />
      </section>
    </>
  );
}

function Progressing({ run, preview }: { run: Run; preview: ExportPreview | undefined }) {
  switch (run.state) {
    case "none":
      return null;
    case "writing":
      return (
        <div className={css.progress}>
          <Progress value={100} animated striped aria-label="The server puts the file together" />
          <p className="quiet" role="status">The server puts the file together. Stay on this page.</p>
        </div>
      );
    case "receiving":
      return (
        <div className={css.progress}>
          {/* The length is an estimate: the bar waits for the end. */}
          <Progress value={Math.min(97, (100 * run.bytes) / Math.max(1, preview?.bytes ?? 0))} aria-label="Received" />
          <p className="quiet">{bytes(run.bytes)} received. Stay on this page.</p>
        </div>
      );
    case "done":
      return <Notice tone="info" icon="check">{`${run.name} is whole: ${bytes(run.bytes)}.`}</Notice>;
    case "browser":
      return <Notice tone="info" icon="download">This is long, so your browser downloads it by itself and shows how far it is. If it says that the download failed, the file is not whole.</Notice>;
    case "failed":
      return <Notice tone="bad">{run.message}</Notice>;
  }
}
