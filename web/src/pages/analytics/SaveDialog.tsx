import { Button, Modal, Select, Switch, TextInput } from "@mantine/core";
import { useState } from "react";
import type { Question, SavedChart } from "../../api/types";
import { Notice } from "../../ui/Notice";
import { useDashboards, useSaveChart, useSaveDashboard } from "./queries";
import css from "./analytics.module.css";

interface Props {
  app: string;
  question: Question;
  kept?: SavedChart;
  onClose: () => void;
  onSaved: (id: string) => void;
}

/** Gives a question a name, and a place on a dashboard. */
export function SaveDialog({ app, question, kept, onClose, onSaved }: Props) {
  const mine = kept?.mine ? kept : undefined;
  const [name, setName] = useState(mine?.name ?? "");
  const [shared, setShared] = useState(mine?.shared ?? true);
  const [board, setBoard] = useState<string | null>(null);
  const dashboards = useDashboards(app);
  const save = useSaveChart(app);
  const saveBoard = useSaveDashboard(app);
  const error = save.error ?? saveBoard.error;

  const submit = async (id?: string) => {
    const chart = await save.mutateAsync({ id, name, description: mine?.description ?? "", shared, question });
    const to = dashboards.data?.find((one) => one.id === board);
    if (to && chart.id && !to.tiles?.some((tile) => tile.chart === chart.id)) {
      await saveBoard.mutateAsync({ id: to.id, name: to.name, description: to.description, shared: to.shared, tiles: [...(to.tiles ?? []), { chart: chart.id, width: 6, height: 2 }] });
    }
    onSaved(chart.id ?? "");
    onClose();
  };
  // What went wrong is shown by the mutation's error.
  const run = (id?: string) => void submit(id).catch(() => undefined);
  return (
    <Modal opened onClose={onClose} title="Keep this question as a chart" centered>
      <form
        className={css.form}
        onSubmit={(event) => {
          event.preventDefault();
          run(mine?.id);
        }}
      >
        <TextInput label="Name" data-autofocus required maxLength={200} value={name} onChange={(event) => setName(event.currentTarget.value)} />
        <Select label="Add to dashboard" placeholder="None" clearable data={(dashboards.data ?? []).filter((one) => one.mine).map((one) => ({ value: one.id ?? "", label: one.name }))} value={board} onChange={setBoard} />
        <Switch label="Everybody who is signed in sees it" checked={shared} onChange={(event) => setShared(event.currentTarget.checked)} />
        {error && <Notice tone="bad">{error.message}</Notice>}
        <div className={css.buttons}>
          {mine && <Button variant="default" onClick={() => run()} disabled={!name.trim()}>Save as a new one</Button>}
          <Button type="submit" loading={save.isPending || saveBoard.isPending} disabled={!name.trim()}>Save</Button>
        </div>
      </form>
    </Modal>
  );
}
