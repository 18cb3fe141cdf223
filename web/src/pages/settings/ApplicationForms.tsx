import { NumberInput, Select, TextInput } from "@mantine/core";
import { useState } from "react";
import { sendJson } from "../../api/client";
import { useChange } from "../../api/settings";
import type { App } from "../../api/types";
import { Confirm } from "../../ui/Confirm";
import { Shown } from "./Shown";

const pathOf = (app: App) => "/apps/" + encodeURIComponent(app.id);
const collector = () => window.location.origin;

export function AddApplication({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const add = useChange((sent: { name: string }) => sendJson<App>("POST", "/apps", sent), "apps");
  if (add.data) return <NewId app={add.data} title={`${add.data.name} is ready`} onClose={onClose} />;
  return (
    <Confirm title="New application" action="Create" busy={add.isPending} error={add.error} disabled={!name.trim()} onConfirm={() => add.mutate({ name })} onClose={onClose}>
      <TextInput label="Name" description="What people call the API" data-autofocus value={name} maxLength={200} onChange={(event) => setName(event.currentTarget.value)} />
    </Confirm>
  );
}

export function ChangeApplication({ app, onClose }: { app: App; onClose: () => void }) {
  const [name, setName] = useState(app.name);
  const [rate, setRate] = useState<string | number>(app.rate || "");
  const [burst, setBurst] = useState<string | number>(app.rate ? app.burst : "");
  const change = useChange((sent: { name: string; rate: number; burst: number }) => sendJson<App>("PUT", pathOf(app), sent), "apps");
  const perSecond = Number(rate) || 0;
  const save = () => change.mutate({ name, rate: perSecond, burst: perSecond ? Number(burst) || 0 : 0 }, { onSuccess: onClose });
  return (
    <Confirm title={app.name} action="Save" busy={change.isPending} error={change.error} disabled={!name.trim()} onConfirm={save} onClose={onClose}>
      <TextInput label="Name" data-autofocus value={name} maxLength={200} onChange={(event) => setName(event.currentTarget.value)} />
      <NumberInput label="Calls a second" description="Above it the collector answers 429 and says when to come again. Empty is no limit." value={rate} min={0} max={1_000_000} allowDecimal={false} allowNegative={false} thousandSeparator="," onChange={setRate} />
      <NumberInput label="Calls at once" description="A larger batch is taken as well, and paid for by waiting. Empty is one second's." value={burst} min={0} max={1_000_000} allowDecimal={false} allowNegative={false} thousandSeparator="," disabled={!perSecond} onChange={setBurst} />
    </Confirm>
  );
}

const graces = [
  { value: "0", label: "Not at all: it is refused at once" },
  { value: "3600", label: "For an hour" },
  { value: "86400", label: "For a day" },
  { value: "604800", label: "For 7 days" },
  { value: "2592000", label: "For 30 days" },
];

export function RotateApplication({ app, onClose }: { app: App; onClose: () => void }) {
  const [grace, setGrace] = useState("86400");
  const rotate = useChange((seconds: number) => sendJson<App>("POST", pathOf(app) + "/application-id", { grace_seconds: seconds }), "apps");
  if (rotate.data) return <NewId app={rotate.data} title={`New application id of ${app.name}`} onClose={onClose} />;
  const revoked = Boolean(app.revoked_at);
  return (
    <Confirm title={revoked ? `Open ${app.name} again` : `New application id of ${app.name}`} action="Make a new id" busy={rotate.isPending} error={rotate.error} onConfirm={() => rotate.mutate(revoked ? 0 : Number(grace))} onClose={onClose}>
      <p>Every gateway and SDK of this application needs the new id. Its calls, rules and settings stay as they are.</p>
      {!revoked && <Select label="How long the present id goes on" data={graces} value={grace} allowDeselect={false} comboboxProps={{ withinPortal: true }} onChange={(value) => setGrace(value ?? "86400")} />}
    </Confirm>
  );
}

export function EndOldIds({ app, onClose }: { app: App; onClose: () => void }) {
  const end = useChange(() => sendJson<App>("DELETE", pathOf(app) + "/old-ids"), "apps");
  return (
    <Confirm title="Refuse the old ids now" action="Refuse them" danger busy={end.isPending} error={end.error} onConfirm={() => end.mutate(undefined, { onSuccess: onClose })} onClose={onClose}>
      <p>Whoever still sends an old application id of {app.name} gets 401 from this moment on. This cannot be undone.</p>
    </Confirm>
  );
}

export function RevokeApplication({ app, onClose }: { app: App; onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const revoke = useChange(() => sendJson<App>("DELETE", pathOf(app) + "/application-id"), "apps");
  return (
    <Confirm title={`Revoke ${app.name}`} action="Revoke" danger busy={revoke.isPending} error={revoke.error} disabled={typed.trim() !== app.name} onConfirm={() => revoke.mutate(undefined, { onSuccess: onClose })} onClose={onClose}>
      <p>The collector refuses its application ids at once: gateways and SDKs report nothing and hear of no rule until they have a new id. What is stored stays, and can be read.</p>
      <TextInput label={`Type “${app.name}” to revoke it`} data-autofocus autoComplete="off" spellCheck={false} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} />
    </Confirm>
  );
}

function NewId({ app, title, onClose }: { app: App; title: string; onClose: () => void }) {
  return (
    <Shown
      title={title}
      values={[{ name: "Application id", text: app.application_id }, { name: "Collector", text: collector() }]}
      onClose={onClose}
    >
      Send it as X-Moesif-Application-Id. It can write calls and read none, and stays to be seen here.
    </Shown>
  );
}
