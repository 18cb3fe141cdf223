import { Button, Loader, Modal } from "@mantine/core";
import type { App, Erasure } from "../api/types";
import { download } from "../format/csv";
import { count } from "../format/number";
import { CopyButton } from "../ui/CopyButton";
import { Icon } from "../ui/icons";
import { Notice, Trouble } from "../ui/Notice";
import { Time } from "../ui/Time";
import css from "./Erase.module.css";
import { useReceipt } from "./queries";
import { checkCommand, deletedRows, readReceipt } from "./receipt";

/** How far an erasure is, and its receipt when it is done. */
export function ReceiptDialog({ app, erasure, onClose }: { app: App; erasure: Erasure; onClose: () => void }) {
  const receipt = useReceipt(app, erasure.id, Boolean(erasure.done_at));
  const title = erasure.done_at ? `Receipt: a ${erasure.kind} was erased` : `Erasing a ${erasure.kind}`;
  return (
    <Modal opened onClose={onClose} title={title} size="lg" centered closeButtonProps={{ "aria-label": "Close" }} overlayProps={{ backgroundOpacity: 0.35 }}>
      <div className={css.receipt}>
        {!erasure.done_at && (
          <div className={css.running} role="status">
            <Loader size="sm" aria-hidden="true" />
            <p>Deleting, and rewriting the files. It was asked for at <Time at={erasure.requested_at} as="full" />, and goes on when you close this, and after a restart.</p>
          </div>
        )}
        {erasure.problem && <Notice tone="warn">It is not done yet: {erasure.problem}.</Notice>}
        <Trouble error={receipt.error} />
        {erasure.done_at && receipt.isPending && !receipt.error && <p className="quiet" role="status">Loading…</p>}
        {receipt.data && <Paper id={erasure.id} text={receipt.data} />}
        <div className={css.buttons}>
          {receipt.data && (
            <Button variant="default" size="sm" leftSection={<Icon name="download" size={14} />} onClick={() => download(erasure.id + ".json", new Blob([receipt.data], { type: "application/json" }))}>Download the receipt</Button>
          )}
          <Button size="sm" onClick={onClose}>{erasure.done_at ? "Done" : "Close"}</Button>
        </div>
      </div>
    </Modal>
  );
}

function Paper({ id, text }: { id: string; text: string }) {
  const { receipt, sha256 } = readReceipt(text);
  const rows = deletedRows(receipt.rows);
  const found = Object.entries(receipt.found_afterwards);
  return (
    <>
      <dl className={css.facts}>
        <dt>Erased</dt><dd><Time at={receipt.erased_at} as="full" /></dd>
        <dt>Asked for</dt><dd><Time at={receipt.requested_at} as="full" /></dd>
        <dt>Erasure</dt><dd><code>{id}</code></dd>
      </dl>
      <section aria-label="What was deleted">
        <h3>What was deleted</h3>
        {rows.length === 0 && <p className="quiet">Nothing was stored of it.</p>}
        <table className={css.rows}>
          <tbody>{rows.map((row) => <tr key={row.name}><th scope="row">{row.name}</th><td>{count(row.rows)}</td></tr>)}</tbody>
        </table>
        {found.length === 0 ? (
          <p className={css.clean}><Icon name="check" size={14} />A search for the id afterwards found nothing.</p>
        ) : (
          <Notice tone="warn">A search for the id afterwards found it in {found.map(([where, n]) => `${where} (${count(n)})`).join(", ")}: it was sent again meanwhile, or is part of another text.</Notice>
        )}
      </section>
      <section aria-label="What remains">
        <h3>What remains</h3>
        <ul>{receipt.remains.map((line) => <li key={line}>{line}</li>)}</ul>
      </section>
      <section aria-label="Proof">
        <h3>Whom it was about</h3>
        <p className="quiet">The receipt does not say. Whoever knows the id can show that it is meant: this prints the hash below.</p>
        <div className={css.command}>
          <code>{checkCommand(receipt)}</code>
          <CopyButton label="Copy" text={() => checkCommand(receipt)} />
        </div>
        <dl className={css.facts}>
          <dt>Hash of the id</dt><dd><code>{receipt.customer_sha256}</code></dd>
          <dt>Hash of the receipt</dt><dd><code>{sha256}</code></dd>
        </dl>
      </section>
    </>
  );
}
