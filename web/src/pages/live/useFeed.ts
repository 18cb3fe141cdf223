import { useCallback, useEffect, useRef, useState } from "react";
import { getJson } from "../../api/client";
import type { EventPage } from "../../api/types";
import { apiParams, passes, type Filters } from "../../url/filters";
import { milliseconds } from "../../wire/event";
import { arrive, emptyFeed, extend, narrow, release, type Feed } from "./feed";

const every = 1_000;
const slowest = 8_000; // between tries while the server does not answer
const page = 200;
// Calls are listed by when they began, and a slow one arrives late: the newest
// two minutes are asked for again each time.
const late = 2 * 60_000;

export interface LiveFeed {
  feed: Feed;
  error: Error | null;
  /** Lets in what waited while the screen was held still. */
  letIn: () => void;
  loadOlder: () => void;
}

/** Follows the calls of an application that pass the filters. */
export function useFeed(app: string, filters: Filters, held: boolean): LiveFeed {
  const [feed, setFeed] = useState<Feed>(emptyFeed);
  const [error, setError] = useState<Error | null>(null);
  const question = JSON.stringify({ app, ...apiParams(filters) });
  const state = useRef({ feed, held, filters });
  useEffect(() => {
    state.current = { feed, held, filters };
  });

  useEffect(() => {
    const stop = new AbortController();
    const asked = JSON.parse(question) as Record<string, string>;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let wait = every;
    let newest = "";

    setFeed((before) => narrow(before, (e) => passes(e, state.current.filters)));
    const poll = async () => {
      timer = undefined;
      try {
        const from = newest ? new Date(milliseconds(newest) - late).toISOString() : undefined;
        const answer = await getJson<EventPage>("/events", { ...asked, from, limit: page, brief: "true" }, stop.signal);
        const first = answer.events[0]?.request.time;
        if (first && (!newest || milliseconds(first) > milliseconds(newest))) newest = first;
        setFeed((before) => arrive(before, answer, state.current.held));
        setError(null);
        wait = every;
      } catch (cause) {
        if (stop.signal.aborted) return;
        setError(cause instanceof Error ? cause : new Error(String(cause)));
        wait = Math.min(wait * 2, slowest);
      }
      // Nobody looks: the page asks again as soon as somebody does.
      if (!stop.signal.aborted && !document.hidden) timer = setTimeout(() => void poll(), wait);
    };
    const shown = () => {
      if (!document.hidden && timer === undefined) timer = setTimeout(() => void poll(), 0);
    };
    void poll();
    document.addEventListener("visibilitychange", shown);
    return () => {
      stop.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", shown);
    };
  }, [question]);

  const letIn = useCallback(() => setFeed(release), []);
  const loading = useRef("");
  const loadOlder = useCallback(() => {
    const cursor = state.current.feed.older;
    if (!cursor || loading.current === cursor) return;
    loading.current = cursor;
    const asked = JSON.parse(question) as Record<string, string>;
    getJson<EventPage>("/events", { ...asked, cursor, limit: page, brief: "true" })
      .then((answer) => setFeed((before) => (before.older === cursor ? extend(before, answer) : before)))
      .catch(() => (loading.current = ""));
  }, [question]);

  return { feed, error, letIn, loadOlder };
}
