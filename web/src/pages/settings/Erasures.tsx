import { Button, Select, TextInput } from "@mantine/core";
import { useState } from "react";
import type { App, Erasure } from "../../api/types";
import { EraseDialog } from "../../erase/EraseDialog";
import { useErasures, type Kind } from "../../erase/queries";
import { ReceiptDialog } from "../../erase/ReceiptDialog";
import { Notice, Trouble } from "../../ui/Notice";
import { Time } from "../../ui/Time";
import { go, useLocation, withQuery } from "../../url/location";
import css from "./Erasures.module.css";
import page from "./Settings.module.css";

/** Customers that are deleted for good, and the receipts of those that were. */
export function Erasures({ app }: { app: App }) {
  const at = useLocation();
  const open = at.query.get("erasure") ?? "";
  const erasures = useErasures(app);
  const shown = erasures.data?.find((one) => one.id === open);
  const show = (id: string | undefined) => go(withQuery(at, { erasure: id }));
  return (
    <>
      <header className={page.head}>
        <div>
          <h2>Erasures</h2>
          <p className="quiet">Deletes a user or company of {app.name} from every store and from the bytes of the files, and leaves a receipt that does not say who it was.</p>
        </div>
      </header>
      <Who app={app} />
      <Trouble error={erasures.error} />
      {open && erasures.isSuccess && !shown && <Notice tone="warn">{app.name} has no such erasure: {open}.</Notice>}
      {erasures.isPending && !erasures.error && <p className="quiet" role="status">Loading…</p>}
      {erasures.data?.length === 0 && <p className={page.none}>Nobody was erased yet.</p>}
      {erasures.data && erasures.data.length > 0 && (
        <div className={`panel ${page.frame}`}>
          <table className={page.table} aria-label="Erasures">
            <thead><tr><th scope="col">Asked for</th><th scope="col">What</th><th scope="col">State</th><th scope="col" className={page.wide}>Erasure</th><th scope="col"><span className="unseen">Receipt</span></th></tr></thead>
            <tbody>{erasures.data.map((one) => <Row key={one.id} erasure={one} onOpen={() => show(one.id)} />)}</tbody>
          </table>
        </div>
      )}
      {shown && <ReceiptDialog app={app} erasure={shown} onClose={() => show(undefined)} />}
    </>
  );
}

function Who({ app }: { app: App }) {
  const [kind, setKind] = useState<Kind>("user");
  const [id, setId] = useState("");
  const [asking, setAsking] = useState(false);
  return (
    <section className={`panel ${css.who}`} aria-label="Erase a customer">
      <form
        className={css.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (id) setAsking(true);
        }}
      >
        <Select label="What" className={css.kind} data={[{ value: "user", label: "User" }, { value: "company", label: "Company" }]} value={kind} allowDeselect={false} onChange={(value) => setKind(value as Kind)} />
        <TextInput label="Id" className={css.id} autoComplete="off" spellCheck={false} maxLength={1024} value={id} onChange={(event) => setId(event.currentTarget.value)} />
        <Button type="submit" color="red" variant="light" disabled={!id}>Erase…</Button>
      </form>
      {asking && <EraseDialog app={app} kind={kind} id={id} onBegun={() => setId("")} onClose={() => setAsking(false)} />}
    </section>
  );
}

function Row({ erasure, onOpen }: { erasure: Erasure; onOpen: () => void }) {
  return (
    <tr>
      <td><Time at={erasure.requested_at} as="full" /></td>
      <td>{erasure.kind === "company" ? "Company" : "User"}</td>
      <td>
        {erasure.done_at ? <>Done <Time at={erasure.done_at} as="ago" /></> : "Going on"}
        {erasure.problem && <span className={page.wrong}>{erasure.problem}</span>}
      </td>
      <td className={page.wide}><code>{erasure.id}</code></td>
      <td className={page.end}><Button variant="subtle" size="compact-sm" aria-label={`${erasure.done_at ? "Receipt" : "Progress"} of ${erasure.id}`} onClick={onOpen}>{erasure.done_at ? "Receipt" : "Progress"}</Button></td>
    </tr>
  );
}
