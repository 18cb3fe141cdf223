import { ActionIcon, Button } from "@mantine/core";
import { useCallback, useEffect, useRef, useState } from "react";
import type { App, WireEvent } from "../../api/types";
import { CallDrawer } from "../../calls/CallDrawer";
import { CallTable } from "../../calls/CallTable";
import { useCallKeys } from "../../calls/useCallKeys";
import { compact, count } from "../../format/number";
import { FilterBar } from "../../ui/FilterBar";
import { FirstEvent } from "../../ui/FirstEvent";
import { Icon } from "../../ui/icons";
import { useKeys } from "../../ui/keys";
import { Trouble } from "../../ui/Notice";
import { useNow } from "../../ui/now";
import { filtersFromQuery, isEmpty, queryOfFilters, type Filters } from "../../url/filters";
import { go, href, replace, useLocation, withQuery } from "../../url/location";
import { most, pace } from "./feed";
import css from "./LivePage.module.css";
import { useFeed } from "./useFeed";

function withoutCall(query: URLSearchParams): URLSearchParams {
  return new URLSearchParams([...query].filter(([key]) => key !== "call"));
}

/** How long a pointer that moved over the list keeps it still, in milliseconds. */
const aiming = 1_500;

/** Calls as they arrive, newest on top; the list never moves under the reader. */
export function LivePage({ app }: { app: App }) {
  const at = useLocation();
  const filters = filtersFromQuery(at.query);
  const open = at.query.get("call") ?? "";
  const list = useRef<HTMLDivElement>(null);

  const [paused, setPaused] = useState(false);
  const [scrolled, setScrolled] = useState(false);
  const [aimed, aim] = useAim();
  const held = paused || scrolled || open !== "" || aimed;
  const { feed, error, letIn, loadOlder } = useFeed(app.id, filters, held);

  useEffect(() => {
    if (!held) letIn();
  }, [held, letIn]);

  const setFilters = (next: Filters, typing: boolean) => (typing ? replace : go)(withQuery(at, queryOfFilters(next)));
  const toTop = () => {
    setPaused(false);
    letIn();
    list.current?.scrollTo({ top: 0 });
  };
  useKeys({ p: () => setPaused(!paused) });
  useCallKeys(feed.shown, open);

  const onScroll = (event: { currentTarget: HTMLElement }) => {
    const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
    setScrolled(scrollTop > 4);
    if (scrollHeight - scrollTop - clientHeight < 600) loadOlder();
  };

  const nothing = feed.loaded && feed.shown.length === 0 && feed.waiting.length === 0;
  const state = error ? "lost" : paused ? "paused" : held && feed.waiting.length > 0 ? "held" : "live";
  return (
    <div className={css.page} data-open={open !== ""}>
      <div className={css.tools}>
        <h1 className="unseen">Live</h1>
        <FilterBar app={app.id} filters={filters} onChange={setFilters} />
        <Pulse state={state} perMinute={usePace(feed)} />
        <Button variant={paused ? "filled" : "default"} size="xs" aria-pressed={paused} aria-keyshortcuts="p" leftSection={<Icon name={paused ? "play" : "pause"} size={14} />} onClick={() => setPaused(!paused)}>
          {paused ? "Resume" : "Pause"}
        </Button>
        <ActionIcon component="a" href={href(["settings", "export"], withoutCall(at.query))} variant="default" size={30} aria-label="Export these calls" title="Export these calls">
          <Icon name="download" size={14} />
        </ActionIcon>
      </div>
      <div className={css.notice}><Trouble error={error} /></div>
      <div className={css.body}>
        <div className={css.list} ref={list} onScroll={onScroll} onPointerMove={aim}>
          {feed.waiting.length > 0 && (
            <div className={css.waiting}>
              <button type="button" onClick={toTop}>
                <Icon name="up" size={13} />
                {feed.waiting.length >= most ? `${count(most)} or more` : count(feed.waiting.length)} new {feed.waiting.length === 1 ? "call" : "calls"}
              </button>
            </div>
          )}
          {nothing && isEmpty(filters) ? (
            <FirstEvent app={app} />
          ) : nothing ? (
            <div className={css.empty}>
              <h2>No call passes this filter</h2>
              <p className="quiet">New ones that do will show up here.</p>
              <Button variant="default" size="xs" onClick={() => setFilters({}, false)}>Clear the filter</Button>
            </div>
          ) : (
            <CallTable label="Calls" calls={feed.shown} open={open} gaps={feed.gaps} onFilter={(change) => setFilters({ ...filters, ...change }, false)} />
          )}
          {feed.shown.length >= most && <p className={css.end}>These are the newest {count(most)}. Narrow the filter to see further back.</p>}
        </div>
        {open && <CallDrawer app={app.id} id={open} onFilter={(change) => setFilters({ ...filters, ...change }, false)} />}
      </div>
    </div>
  );
}

function usePace(feed: { shown: WireEvent[]; waiting: WireEvent[] } & Parameters<typeof pace>[0]): number | undefined {
  return pace(feed, useNow().getTime());
}

/** True for a moment after the pointer moved over the list: somebody is about to press. */
function useAim(): [boolean, (event: { pointerType: string }) => void] {
  const [aimed, setAimed] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const aim = useCallback((event: { pointerType: string }) => {
    if (event.pointerType !== "mouse") return;
    clearTimeout(timer.current);
    setAimed(true);
    timer.current = setTimeout(() => setAimed(false), aiming);
  }, []);
  return [aimed, aim];
}

const states = {
  live: "Live",
  paused: "Paused",
  held: "Held",
  lost: "No connection",
};

function Pulse({ state, perMinute }: { state: keyof typeof states; perMinute: number | undefined }) {
  return (
    <div className={css.pulse} data-state={state} role="status" aria-label="State of the list">
      <span className={css.dot} aria-hidden="true" />
      <span>{states[state]}</span>
      {perMinute !== undefined && state !== "lost" && <span className="quiet nowrap">{compact(perMinute)}/min</span>}
    </div>
  );
}
