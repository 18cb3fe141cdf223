import { Button, NumberInput } from "@mantine/core";
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { getJson, sendJson } from "../../api/client";
import type { components } from "../../api/schema";
import { useMay } from "../../api/rights";
import type { App } from "../../api/types";
import { count } from "../../format/number";
import { Notice, Trouble } from "../../ui/Notice";
import css from "./Keeping.module.css";

type Answer = components["schemas"]["RetentionAnswerBody"];
type Days = Pick<Answer, "events_days" | "bodies_days" | "rollups_days">;

const fields: { name: keyof Days; label: string; means: string }[] = [
  { name: "events_days", label: "Events", means: "with their headers" },
  { name: "bodies_days", label: "Bodies", means: "0: as long as events" },
  { name: "rollups_days", label: "Sums", means: "what charts are drawn from" },
];

const path = (app: App) => "/retention?app=" + encodeURIComponent(app.id);

/** How long this application's data is kept. */
export function Keeping({ app }: { app: App }) {
  const client = useQueryClient();
  const may = useMay()("events:erase");
  const kept = useQuery({ queryKey: ["retention", app.id], queryFn: ({ signal }) => getJson<Answer>("/retention", { app: app.id }, signal) });
  const [edited, setEdited] = useState<Days>();
  const [sure, setSure] = useState(false);
  const days = edited ?? kept.data;
  const preview = useQuery({
    queryKey: ["retention", app.id, edited],
    queryFn: ({ signal }) => getJson<Answer>("/retention/preview", { app: app.id, ...edited }, signal),
    enabled: edited !== undefined,
    placeholderData: keepPreviousData,
    retry: false,
  });
  const save = useMutation({
    mutationFn: (body: Days) => sendJson<Answer>("PUT", path(app), body),
    onSuccess: (answer) => {
      client.setQueryData(["retention", app.id], answer);
      setEdited(undefined);
      setSure(false);
      void client.invalidateQueries({ queryKey: ["pipeline"] });
    },
  });
  if (!days) return <section className={`panel ${css.panel}`} aria-label="How long data is kept">{kept.error ? <Trouble error={kept.error} /> : <p className="quiet" role="status">Loading…</p>}</section>;
  const would = edited ? preview.data?.would_delete : undefined;
  const loses = would !== undefined && would.events + would.bodies + would.rollups > 0;
  return (
    <section className={`panel ${css.panel}`} aria-label="How long data is kept">
      <h2>How long data is kept</h2>
      <p className="quiet">In days; 0 is for ever. Deleting cannot be undone.</p>
      <form
        className={css.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (loses && !sure) setSure(true);
          else if (edited) save.mutate(edited);
        }}
      >
        {fields.map(({ name, label, means }) => (
          <NumberInput
            key={name}
            label={label}
            description={means}
            min={0}
            max={36500}
            allowDecimal={false}
            suffix=" days"
            disabled={!may}
            value={days[name]}
            onChange={(value) => {
              setSure(false);
              setEdited({ events_days: days.events_days, bodies_days: days.bodies_days, rollups_days: days.rollups_days, [name]: Number(value) || 0 });
            }}
          />
        ))}
        {may && <div className={css.buttons}>
          <Button type="submit" color={sure ? "red" : undefined} disabled={!edited || preview.isError} loading={save.isPending}>{sure ? "Delete and save" : "Save"}</Button>
          {edited && <Button variant="default" onClick={() => { setEdited(undefined); setSure(false); }}>Cancel</Button>}
        </div>}
      </form>
      {preview.error && edited ? <Notice tone="bad">{preview.error.message}</Notice> : null}
      {save.error ? <Notice tone="bad">{save.error.message}</Notice> : null}
      {loses ? <Notice tone="warn">{`This deletes ${count(would.events)} events, ${count(would.bodies)} bodies and ${count(would.rollups)} sums now.`}</Notice> : null}
    </section>
  );
}
