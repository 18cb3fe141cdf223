import { Fragment, type ReactNode } from "react";
import { mask } from "../wire/event";
import type { Json } from "../wire/json";
import css from "./JsonView.module.css";

/** JSON, indented and coloured; what was masked is marked. */
export function JsonView({ json, label }: { json: Json; label: string }) {
  return <Block label={label}>{draw(json, 0)}</Block>;
}

/** Text as it is; what was masked is marked. */
export function MarkedText({ text, label }: { text: string; label: string }) {
  return (
    <Block label={label}>
      {text.split(mask).map((part, i) => (
        <Fragment key={i}>
          {i > 0 && <Masked />}
          {part}
        </Fragment>
      ))}
    </Block>
  );
}

function Block({ label, children }: { label: string; children: ReactNode }) {
  // A long line can be scrolled to with the keyboard as well.
  // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
  return <pre className={css.json} tabIndex={0} aria-label={label}>{children}</pre>;
}

function Masked() {
  return <span className={css.masked} title="Masked before it left the gateway">masked</span>;
}

function draw(json: Json, depth: number): ReactNode {
  switch (json.kind) {
    case "object":
      return list("{", "}", depth, json.entries.map(([key, value]) => (
        <>
          <span className={css.key}>{JSON.stringify(key)}</span>: {draw(value, depth + 1)}
        </>
      )));
    case "array":
      return list("[", "]", depth, json.items.map((item) => draw(item, depth + 1)));
    case "string":
      return json.value === mask ? <Masked /> : <span className={css.text}>{JSON.stringify(json.value)}</span>;
    case "number":
      return <span className={css.number}>{json.source}</span>;
    case "word":
      return <span className={css.word}>{json.source}</span>;
  }
}

function list(open: string, close: string, depth: number, items: ReactNode[]): ReactNode {
  if (items.length === 0) return open + close;
  return (
    <>
      {open}
      {items.map((item, i) => (
        <Fragment key={i}>
          {"\n" + "  ".repeat(depth + 1)}
          {item}
          {i < items.length - 1 && ","}
        </Fragment>
      ))}
      {"\n" + "  ".repeat(depth) + close}
    </>
  );
}
