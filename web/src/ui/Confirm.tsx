import { Button, Modal } from "@mantine/core";
import type { ReactNode } from "react";
import css from "./Confirm.module.css";
import { Notice } from "./Notice";

interface Props {
  title: string;
  /** The words of the button that does it. */
  action: string;
  danger?: boolean;
  busy: boolean;
  /** Why it did not work; shown above the buttons. */
  error: Error | null;
  disabled?: boolean;
  onConfirm: () => void;
  onClose: () => void;
  children: ReactNode;
}

/** A dialog that asks before something is done. */
export function Confirm({ title, action, danger, busy, error, disabled, onConfirm, onClose, children }: Props) {
  return (
    <Modal opened onClose={onClose} title={title} centered closeButtonProps={{ "aria-label": "Close" }} overlayProps={{ backgroundOpacity: 0.35 }}>
      <form
        className={css.form}
        onSubmit={(event) => {
          event.preventDefault();
          onConfirm();
        }}
      >
        {children}
        {error && <Notice tone="bad">{error.message}</Notice>}
        <div className={css.buttons}>
          <Button variant="default" size="sm" onClick={onClose}>Cancel</Button>
          <Button type="submit" size="sm" color={danger ? "red" : undefined} loading={busy} disabled={disabled}>{action}</Button>
        </div>
      </form>
    </Modal>
  );
}
