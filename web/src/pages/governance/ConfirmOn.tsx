import { Button, Modal } from "@mantine/core";
import { useEffect, useState } from "react";
import type { App } from "../../api/types";
import { Notice } from "../../ui/Notice";
import css from "./ConfirmOn.module.css";
import { draftOf, ruleOf, sentence, type Rule } from "./draft";
import { OutcomeWords } from "./Outcome";
import { useDryRun } from "./queries";

interface Props {
  app: App;
  /** The rule to switch on; null when none is. */
  rule: Rule | null;
  onClose: () => void;
  onConfirm: (rule: Rule) => Promise<unknown>;
}

/** Asks before a rule is enforced, and says what it would have done lately. */
export function ConfirmOn({ app, rule, onClose, onConfirm }: Props) {
  return (
    <Modal opened={rule !== null} onClose={onClose} title="Switch the rule on?" centered size="lg">
      {rule && <Question app={app} rule={rule} onClose={onClose} onConfirm={onConfirm} />}
    </Modal>
  );
}

function Question({ app, rule, onClose, onConfirm }: Props & { rule: Rule }) {
  const { mutate, data, error } = useDryRun(app.id);
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => mutate({ rule: ruleOf(draftOf(rule)), from: "-7d" }), [mutate, rule]);
  const confirm = async () => {
    setBusy(true);
    try {
      await onConfirm(rule);
      onClose();
    } catch (cause) {
      setFailure((cause as Error).message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className={css.question}>
      <p className={css.rule}><strong>{rule.name}</strong><br />{sentence(draftOf(rule))}.</p>
      <div className={css.lately} aria-live="polite">
        {data ? <OutcomeWords run={data} /> : error ? <Notice tone="warn">{error.message}</Notice> : <p className="quiet">Looking at the calls of the last 7 days…</p>}
      </div>
      <p className="quiet">Every gateway enforces it within a second. You can switch it off at any time.</p>
      {failure && <Notice tone="bad">{failure}</Notice>}
      <div className={css.buttons}>
        <Button variant="default" onClick={onClose}>Leave it {rule.state === "shadow" ? "in shadow" : rule.state}</Button>
        <Button data-autofocus loading={busy} onClick={() => void confirm()}>Switch on</Button>
      </div>
    </div>
  );
}
