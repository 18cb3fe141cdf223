import { SegmentedControl } from "@mantine/core";
import type { RuleState } from "./draft";
import css from "./StateSwitch.module.css";

interface Props {
  name: string;
  state: RuleState;
  disabled?: boolean;
  onSwitch: (state: RuleState) => void;
}

export const stateNames: Record<RuleState, string> = { off: "Off", shadow: "Shadow", on: "On" };

export const stateWords: Record<RuleState, string> = {
  off: "Off: nothing happens",
  shadow: "Shadow: gateways let everything pass; you see what the rule would have done",
  on: "On: gateways enforce it",
};

/** Off, shadow or on. */
export function StateSwitch({ name, state, disabled, onSwitch }: Props) {
  return (
    <SegmentedControl
      size="xs"
      className={css.switch}
      data-state={state}
      aria-label={`State of ${name || "the rule"}`}
      disabled={disabled}
      value={state}
      onChange={(next) => onSwitch(next)}
      data={(["off", "shadow", "on"] as const).map((value) => ({ value, label: <span title={stateWords[value]}>{stateNames[value]}</span> }))}
    />
  );
}
