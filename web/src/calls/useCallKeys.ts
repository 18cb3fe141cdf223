import type { WireEvent } from "../api/types";
import { useKeys } from "../ui/keys";
import { openCall, closeCall, rowId } from "./open";

/**
 * j and k walk down and up the calls, Enter opens the one in focus, Escape
 * closes. With a call open, walking opens the next one.
 */
export function useCallKeys(calls: WireEvent[], open: string): void {
  const walk = (step: number) => {
    const focused = document.activeElement?.closest("[data-call]")?.getAttribute("data-call") ?? "";
    const from = calls.findIndex((e) => e.transaction_id === (open || focused));
    const to = from < 0 ? 0 : Math.min(calls.length - 1, Math.max(0, from + step));
    const id = calls[to]?.transaction_id;
    if (!id) return;
    if (open) openCall(id);
    const row = document.getElementById(rowId(id));
    row?.querySelector<HTMLElement>("a[data-opens]")?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: "nearest" });
  };
  useKeys({
    j: () => walk(1),
    k: () => walk(-1),
    Escape: () => {
      if (!open) return;
      closeCall();
      document.getElementById(rowId(open))?.querySelector<HTMLElement>("a[data-opens]")?.focus();
    },
  });
}
