import { ActionIcon, Tabs } from "@mantine/core";
import { useEffect, useMemo, useRef } from "react";
import { useCall } from "../api/queries";
import type { WireEvent } from "../api/types";
import { bytes, latency } from "../format/number";
import { CopyButton } from "../ui/CopyButton";
import { Icon } from "../ui/icons";
import { Notice } from "../ui/Notice";
import { StatusCode, Verb } from "../ui/StatusCode";
import { Time } from "../ui/Time";
import type { Filters } from "../url/filters";
import { href, parseHash, replace, useLocation, withQuery } from "../url/location";
import { curlNotes, toCurl } from "../wire/curl";
import { addressOf, durationOf, facts, headerList, headerValue, mask, statusOf } from "../wire/event";
import { at as member, parseJson, printJson, type Json } from "../wire/json";
import { BodyView } from "./BodyView";
import css from "./CallDrawer.module.css";
import { JsonView } from "./JsonView";
import { closeCall } from "./open";
import { identities, refusals } from "./words";

interface Props {
  app: string;
  id: string;
  onFilter: (change: Filters) => void;
}

/** One call, whole. It stands beside the list: the list stays in reach. */
export function CallDrawer({ app, id, onFilter }: Props) {
  const call = useCall(app, id);
  const drawer = useRef<HTMLElement>(null);
  const parsed = useMemo(() => (call.data ? read(call.data) : undefined), [call.data]);

  // Opened by pointer or address: the keyboard goes on from here. A walk along
  // the rows with j and k keeps the focus on the rows.
  useEffect(() => {
    if (!document.activeElement?.closest("[data-call]")) drawer.current?.focus({ preventScroll: true });
  }, [id]);

  const name = parsed ? `Call ${parsed.event.request.verb} ${addressOf(parsed.event).path}` : "Call";
  return (
    <section className={css.drawer} role="dialog" aria-modal="false" aria-label={name} tabIndex={-1} ref={drawer}>
      {parsed ? (
        <Call event={parsed.event} json={parsed.json} onFilter={onFilter} />
      ) : (
        <>
          <header className={css.head}>
            <h2>Call</h2>
            <Close />
          </header>
          <div className={css.pane}>{call.error ? <Notice tone="bad">{call.error.message}</Notice> : <p className="quiet" role="status">Loading…</p>}</div>
        </>
      )}
    </section>
  );
}

function read(text: string): { event: WireEvent; json: Json } {
  return { event: JSON.parse(text) as WireEvent, json: parseJson(text) };
}

function Close() {
  return (
    <ActionIcon variant="subtle" color="gray" aria-label="Close" aria-keyshortcuts="Escape" onClick={closeCall}>
      <Icon name="close" />
    </ActionIcon>
  );
}

const tabs = ["bodies", "headers", "metadata"] as const;

function Call({ event, json, onFilter }: { event: WireEvent; json: Json; onFilter: (change: Filters) => void }) {
  const location = useLocation();
  const tab = tabs.find((one) => one === location.query.get("tab")) ?? "bodies";
  const { path, query } = addressOf(event);
  const { refused, cut } = facts(event);
  const requestBody = member(json, "request", "body");
  const curl = () => toCurl(event, requestBody);
  const notes = curlNotes(curl(), cut);
  const metadata = member(json, "metadata");
  return (
    <>
      <header className={css.head}>
        <StatusCode status={statusOf(event)} />
        <Verb verb={event.request.verb} />
        <h2 className={css.path} title={event.request.uri}>
          {path}
          <span className="quiet">{query}</span>
        </h2>
        <Close />
      </header>
      <div className={css.scroll}>
        {refused && (
          <div className={css.banner}>
            <Notice tone="warn" icon="lock">{refusals[refused] ?? refused}: the gateway answered this call itself, and the backend was not asked.</Notice>
          </div>
        )}
        <Summary event={event} onFilter={onFilter} />
        <div className={css.actions}>
          <CopyButton label="Copy as curl" text={curl} />
          <CopyButton label="Copy link" text={() => window.location.href} />
          {notes.length > 0 && <span className="quiet">In the command {notes.join(", and ")}.</span>}
        </div>
        <Tabs value={tab} onChange={(next) => replace(withQuery(parseHash(window.location.hash), { tab: next ?? undefined }))} keepMounted={false} classNames={{ list: css.tabs }}>
          <Tabs.List aria-label="Parts of the call">
            <Tabs.Tab value="bodies">Bodies</Tabs.Tab>
            <Tabs.Tab value="headers">Headers</Tabs.Tab>
            <Tabs.Tab value="metadata">Metadata</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="bodies" className={css.pane}>
            <BodyView name="Request" body={requestBody} encoding={event.request.transfer_encoding} contentType={headerValue(event.request.headers, "content-type")} cut={cut.includes("request.body")} />
            <BodyView name="Response" body={member(json, "response", "body")} encoding={event.response?.transfer_encoding} contentType={headerValue(event.response?.headers, "content-type")} cut={cut.includes("response.body")} />
          </Tabs.Panel>
          <Tabs.Panel value="headers" className={css.pane}>
            <HeaderTable name="Request headers" headers={headerList(event.request.headers)} />
            <HeaderTable name="Response headers" headers={headerList(event.response?.headers)} />
          </Tabs.Panel>
          <Tabs.Panel value="metadata" className={css.pane}>
            {metadata ? <JsonView json={metadata} label="Metadata" /> : <p className="quiet">This call carries no metadata.</p>}
            <CopyButton label="Copy the whole call as JSON" text={() => printJson(json, 2)} />
          </Tabs.Panel>
        </Tabs>
      </div>
    </>
  );
}

function Summary({ event, onFilter }: { event: WireEvent; onFilter: (change: Filters) => void }) {
  const { route, identity } = facts(event);
  const { host } = addressOf(event);
  const size = [event.request.content_length, event.response?.content_length];
  return (
    <dl className={css.summary}>
      <dt>Began</dt>
      <dd><Time at={event.request.time} as="full" /> <span className="quiet">(<Time at={event.request.time} as="ago" />)</span></dd>
      <dt>Took</dt>
      <dd>{latency(durationOf(event))}</dd>
      <dt>Company</dt>
      <dd><Customer kind="companies" id={event.company_id} onOnly={(company) => onFilter({ company })} /></dd>
      <dt>User</dt>
      <dd>
        <Customer kind="users" id={event.user_id} onOnly={(user) => onFilter({ user })} />
        {identity && event.user_id && <span className={css.identity} data-identity={identity} title={identities[identity].means}>{identities[identity].name}</span>}
      </dd>
      <dt>Route</dt>
      <dd>{route ? <Only label={`Only route ${route}`} onPress={() => onFilter({ route })}><code>{route}</code></Only> : <span className="quiet">none matched</span>}</dd>
      {host && <><dt>Host</dt><dd>{host}</dd></>}
      {event.request.ip_address && <><dt>From</dt><dd>{event.request.ip_address}</dd></>}
      {size.some((n) => n !== undefined) && <><dt>Sizes</dt><dd>{bytes(size[0])} in, {bytes(size[1])} out</dd></>}
      {(event.weight ?? 1) > 1 && <><dt>Stands for</dt><dd>{event.weight} calls</dd></>}
      {event.blocked_by && <><dt>Blocked by</dt><dd><code>{event.blocked_by}</code></dd></>}
      <dt>Id</dt>
      <dd><code className={css.id}>{event.transaction_id}</code></dd>
    </dl>
  );
}

function Customer({ kind, id, onOnly }: { kind: "companies" | "users"; id: string | undefined; onOnly: (id: string) => void }) {
  if (!id) return <span className="quiet">none</span>;
  return (
    <>
      <Only label={`Only calls of ${id}`} onPress={() => onOnly(id)}>{id}</Only>
      <a className={css.more} href={href(["customers", kind, id])}>Profile</a>
    </>
  );
}

function Only({ label, onPress, children }: { label: string; onPress: () => void; children: React.ReactNode }) {
  return (
    <button type="button" className={`plain ${css.only}`} title={label} aria-label={label} onClick={onPress}>
      {children}
    </button>
  );
}

function HeaderTable({ name, headers }: { name: string; headers: [string, string][] }) {
  return (
    <section className={css.part} aria-label={name}>
      <h3>{name}</h3>
      {headers.length === 0 && <p className="quiet">None.</p>}
      <table className={css.headers}>
        <tbody>
          {headers.map(([field, value], i) => (
            <tr key={i}>
              <th scope="row">{field}</th>
              <td>{value === mask ? <span className={css.masked} title="Masked before it left the gateway">masked</span> : value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
