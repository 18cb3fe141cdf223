import { useEffect, useRef } from "react";

type Actions = Record<string, (event: KeyboardEvent) => void>;

/**
 * Listens to single keys on the whole page, by KeyboardEvent.key. Keys typed
 * into a field, or together with a modifier, are the browser's, except Escape.
 */
export function useKeys(actions: Actions): void {
  const current = useRef(actions);
  useEffect(() => {
    current.current = actions;
  });
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const typing = event.target instanceof HTMLElement && event.target.closest("input, textarea, select, [contenteditable]");
      if (typing && event.key !== "Escape") return;
      current.current[event.key]?.(event);
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, []);
}
