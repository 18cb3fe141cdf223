import { Button } from "@mantine/core";
import { useEffect, useState } from "react";
import { useApps } from "../../api/queries";
import { useMay } from "../../api/rights";
import type { App } from "../../api/types";
import { count } from "../../format/number";
import { CopyButton } from "../../ui/CopyButton";
import { Notice, Trouble } from "../../ui/Notice";
import { Time } from "../../ui/Time";
import { AddApplication, ChangeApplication, EndOldIds, RevokeApplication, RotateApplication } from "./ApplicationForms";
import css from "./Settings.module.css";

type Form = "change" | "rotate" | "end" | "revoke";

/** The applications, their ids for the collector, and how much each may send. */
export function Applications() {
  const apps = useApps();
  const may = useMay()("apps:write");
  const [adding, setAdding] = useState(false);
  const [open, setOpen] = useState<{ form: Form; app: App }>();
  const close = () => setOpen(undefined);
  // Elsewhere a minute-old list is good enough; here somebody else's change must show.
  const { refetch } = apps;
  useEffect(() => void refetch(), [refetch]);
  return (
    <>
      <header className={css.head}>
        <div>
          <h2>Applications</h2>
          <p className="quiet">One API whose calls are kept together. Gateways and SDKs send its application id; whoever has that can write calls, and read none.</p>
        </div>
        {may && <Button size="xs" onClick={() => setAdding(true)}>New application</Button>}
      </header>
      <Trouble error={apps.error} />
      {!may && <Notice tone="info" icon="lock">Your role may see the applications, not change them or see their ids. Ask an owner or admin.</Notice>}
      {apps.data?.map((app) => <Card key={app.id} app={app} onOpen={may ? (form) => setOpen({ form, app }) : undefined} />)}
      {adding && <AddApplication onClose={() => setAdding(false)} />}
      {open?.form === "change" && <ChangeApplication app={open.app} onClose={close} />}
      {open?.form === "rotate" && <RotateApplication app={open.app} onClose={close} />}
      {open?.form === "end" && <EndOldIds app={open.app} onClose={close} />}
      {open?.form === "revoke" && <RevokeApplication app={open.app} onClose={close} />}
    </>
  );
}

/** One application; without onOpen it can only be read. */
function Card({ app, onOpen }: { app: App; onOpen?: (form: Form) => void }) {
  return (
    <section className={`panel ${css.card}`} aria-label={app.name}>
      <header>
        <h3>{app.name}</h3>
        {app.revoked_at && <span className={css.mark} data-tone="bad">Revoked</span>}
      </header>
      <dl>
        {app.application_id && (
          <>
            <dt>Application id</dt>
            <dd><code>{app.application_id}</code><CopyButton label="Copy" text={() => app.application_id} /></dd>
          </>
        )}
        {app.old_ids.map((old) => (
          <OldId key={old.tail + old.until} tail={old.tail} until={old.until} />
        ))}
        {app.revoked_at && (
          <>
            <dt>Revoked</dt>
            <dd><span><Time at={app.revoked_at} as="full" />: the collector takes no calls. What is stored stays.</span></dd>
          </>
        )}
        <dt>Rate</dt>
        <dd>{app.rate ? `${count(app.rate)} calls a second, ${count(app.burst)} at once` : "No limit"}</dd>
        <dt>Created</dt>
        <dd><Time at={app.created_at} as="full" /></dd>
        <dt>Internal id</dt>
        <dd><code>{app.id}</code></dd>
      </dl>
      {onOpen && (
        <footer>
          <Button variant="default" size="compact-sm" onClick={() => onOpen("change")}>Name and rate</Button>
          <Button variant="default" size="compact-sm" onClick={() => onOpen("rotate")}>{app.revoked_at ? "Open again with a new id" : "New application id"}</Button>
          {app.old_ids.length > 0 && <Button variant="default" size="compact-sm" onClick={() => onOpen("end")}>Refuse the old ids now</Button>}
          {!app.revoked_at && <Button variant="subtle" color="red" size="compact-sm" className={css.danger} onClick={() => onOpen("revoke")}>Revoke</Button>}
        </footer>
      )}
    </section>
  );
}

function OldId({ tail, until }: { tail: string; until: string }) {
  return (
    <>
      <dt>Old id</dt>
      <dd><span><code>…{tail}</code> is still taken until <Time at={until} as="full" /></span></dd>
    </>
  );
}
