import { Button, Modal } from "@mantine/core";
import type { ReactNode } from "react";
import { CopyButton } from "../../ui/CopyButton";
import css from "./Settings.module.css";

interface Props {
  title: string;
  values: { name: string; text: string }[];
  children: ReactNode;
  onClose: () => void;
}

/** A dialog with something new to be copied. A click beside it does not close it. */
export function Shown({ title, values, children, onClose }: Props) {
  return (
    <Modal opened onClose={onClose} title={title} centered closeOnClickOutside={false} closeButtonProps={{ "aria-label": "Close" }} overlayProps={{ backgroundOpacity: 0.35 }}>
      <div className={css.shown}>
        <p>{children}</p>
        {values.map(({ name, text }) => (
          <div key={name} className={css.value} role="group" aria-label={name}>
            <span className="quiet">{name}</span>
            <code>{text}</code>
            <CopyButton label="Copy" text={() => text} />
          </div>
        ))}
        <Button size="sm" onClick={onClose}>Done</Button>
      </div>
    </Modal>
  );
}
