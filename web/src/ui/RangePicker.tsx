import { Button, Popover } from "@mantine/core";
import { useState } from "react";
import { presetLength, presets, rangeLabel, type Range } from "../url/range";
import { Icon } from "./icons";
import css from "./RangePicker.module.css";

interface Props {
  range: Range;
  onChange: (range: Range) => void;
}

/** Chooses a span of time: one that moves with the clock, or two instants. */
export function RangePicker({ range, onChange }: Props) {
  const [open, setOpen] = useState(false);
  const choose = (chosen: Range) => {
    setOpen(false);
    onChange(chosen);
  };
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <Button variant="default" size="xs" rightSection={<Icon name="chevron" size={12} />} aria-label={`Time range: ${rangeLabel(range)}`} onClick={() => setOpen(!open)}>
          {rangeLabel(range)}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Time range">
        <div className={css.presets}>
          {presets.map((preset) => (
            <button key={preset} type="button" className={css.preset} aria-pressed={"preset" in range && range.preset === preset} onClick={() => choose({ preset })}>
              {rangeLabel({ preset })}
            </button>
          ))}
        </div>
        <Custom range={range} onChoose={choose} />
      </Popover.Dropdown>
    </Popover>
  );
}

function Custom({ range, onChoose }: { range: Range; onChoose: (range: Range) => void }) {
  const [from, setFrom] = useState(() => local("from" in range ? new Date(range.from) : new Date(Date.now() - presetLength(range.preset))));
  const [to, setTo] = useState(() => local("to" in range ? new Date(range.to) : new Date()));
  const valid = from !== "" && to !== "" && from < to;
  return (
    <form
      className={css.custom}
      onSubmit={(event) => {
        event.preventDefault();
        if (valid) onChoose({ from: new Date(from).toISOString(), to: new Date(to).toISOString() });
      }}
    >
      <label>
        From
        <input type="datetime-local" value={from} max={to} onChange={(event) => setFrom(event.currentTarget.value)} />
      </label>
      <label>
        To
        <input type="datetime-local" value={to} min={from} onChange={(event) => setTo(event.currentTarget.value)} />
      </label>
      <Button type="submit" size="xs" disabled={!valid}>Show this range</Button>
    </form>
  );
}

/** An instant in the form a datetime-local field takes: the reader's clock, no zone. */
function local(date: Date): string {
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
