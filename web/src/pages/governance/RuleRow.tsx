import { ActionIcon } from "@mantine/core";
import { useState } from "react";
import type { App } from "../../api/types";
import { compact } from "../../format/number";
import { Icon } from "../../ui/icons";
import { Time } from "../../ui/Time";
import { draftOf, sentence, type Rule, type RuleState } from "./draft";
import { useShadowReport } from "./queries";
import css from "./RulesPage.module.css";
import { StateSwitch } from "./StateSwitch";

interface Props {
  app: App;
  rule: Rule;
  open: string;
  /** The rules just before and after it, to move it there. */
  above: string | undefined;
  below: string | undefined;
  movable: boolean;
  /** Whether whoever is signed in may change rules. */
  may: boolean;
  onMove: (id: string, to: string) => void;
  onSwitch: (state: RuleState) => void;
}

const dragged = "application/x-gatemeter-rule";

/** One rule in the list. It is moved by dragging, by its buttons, or by Alt with up and down. */
export function RuleRow({ app, rule, open, above, below, movable, may, onMove, onSwitch }: Props) {
  const [over, setOver] = useState(false);
  const to = (other: string | undefined) => other && onMove(rule.id, other);
  return (
    <li
      className={css.row}
      data-rule={rule.id}
      data-state={rule.state}
      data-over={over}
      onDragOver={(event) => {
        if (!movable || !event.dataTransfer.types.includes(dragged)) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        setOver(false);
        const id = event.dataTransfer.getData(dragged);
        if (id) onMove(id, rule.id);
      }}
    >
      <span className={css.grip} data-movable={movable} draggable={movable} aria-hidden="true" title={movable ? "Drag to change the order" : undefined} onDragStart={(event) => {
        event.dataTransfer.setData(dragged, rule.id);
        event.dataTransfer.effectAllowed = "move";
      }}>
        <Icon name="grip" size={14} />
      </span>
      <div className={css.words}>
        <a
          data-opens
          href={open}
          aria-keyshortcuts={may ? "Alt+ArrowUp Alt+ArrowDown" : undefined}
          onKeyDown={(event) => {
            if (!may || !event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
            event.preventDefault();
            to(event.key === "ArrowUp" ? above : below);
          }}
        >
          {rule.name}
        </a>
        <p>{sentence(draftOf(rule))}</p>
        {rule.state === "shadow" && <Report app={app} rule={rule} />}
      </div>
      <span className={css.when}>{rule.state === "off" ? "changed" : rule.state === "on" ? "on since" : "in shadow since"} <Time at={rule.state === "off" ? rule.updated_at : rule.state_since} as="full" /></span>
      {may && <span className={css.moves}>
        <ActionIcon variant="subtle" color="gray" aria-label={`Move ${rule.name} up`} disabled={!above} onClick={() => to(above)}><Icon name="up" size={14} /></ActionIcon>
        <ActionIcon variant="subtle" color="gray" aria-label={`Move ${rule.name} down`} disabled={!below} onClick={() => to(below)}><Icon name="down" size={14} /></ActionIcon>
      </span>}
      <StateSwitch name={rule.name} state={rule.state} disabled={!may} onSwitch={onSwitch} />
    </li>
  );
}

/** What a rule in shadow would have done since it is. */
function Report({ app, rule }: { app: App; rule: Rule }) {
  const report = useShadowReport(app.id, rule);
  if (!report.data) return <p className={css.report}>{report.error ? report.error.message : "Looking at the calls since…"}</p>;
  const { applied, looked, company_count, user_count, blocks, complete } = report.data;
  return (
    <p className={css.report}>
      Since then it would have {blocks ? "blocked" : "changed"} <strong>{compact(applied)}</strong> of {complete ? "" : "the last "}{compact(looked)} calls
      {applied > 0 && `, of ${company_count} ${company_count === 1 ? "company" : "companies"} and ${user_count} ${user_count === 1 ? "user" : "users"}`}
    </p>
  );
}
