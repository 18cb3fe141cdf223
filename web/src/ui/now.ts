import { useSyncExternalStore } from "react";

// One clock for everything that says "3 min ago": it ticks every five seconds,
// and only while somebody looks at it.

const every = 5_000;
const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let now = new Date();

function subscribe(changed: () => void): () => void {
  watchers.add(changed);
  if (!timer) {
    timer = setInterval(() => {
      now = new Date();
      for (const tell of watchers) tell();
    }, every);
  }
  return () => {
    watchers.delete(changed);
    if (watchers.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

function read(): Date {
  // Nobody kept the clock going meanwhile: catch up.
  if (!timer && Date.now() - now.getTime() > every) now = new Date();
  return now;
}

/** The present instant, to within five seconds. */
export function useNow(): Date {
  return useSyncExternalStore(subscribe, read);
}
