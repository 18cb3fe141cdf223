import { Button } from "@mantine/core";
import { useAudit } from "../../api/settings";
import type { AuditEntry } from "../../api/types";
import { count } from "../../format/number";
import { Icon } from "../../ui/icons";
import { Trouble } from "../../ui/Notice";
import { Time } from "../../ui/Time";
import { go, useLocation, withQuery } from "../../url/location";
import { phrase, told } from "./audit";
import css from "./Settings.module.css";

/** Who changed what. */
export function Audit() {
  const at = useLocation();
  const who = at.query.get("who") ?? "";
  const log = useAudit(who);
  const days = log.data?.pages[0]?.kept_days;
  const entries = log.data?.pages.flatMap((page) => page.entries) ?? [];
  return (
    <>
      <header className={css.head}>
        <div>
          <h2>Audit log</h2>
          <p className="quiet">Every change that people and tokens made, and every sign-in.{days !== undefined && ` An entry stays for ${count(days)} days; nobody can take it out before.`}</p>
        </div>
        {who && (
          <Button variant="light" size="xs" rightSection={<Icon name="close" size={12} />} onClick={() => go(withQuery(at, { who: undefined }))}>
            Only {entries[0]?.who_name ?? who}
          </Button>
        )}
      </header>
      <Trouble error={log.error} />
      {log.isPending && !log.error && <p className="quiet" role="status">Loading…</p>}
      {log.isSuccess && entries.length === 0 && <p className={css.none}>Nothing was changed yet.</p>}
      {entries.length > 0 && (
        <div className={`panel ${css.frame}`}>
          <table className={css.table} aria-label="Audit log">
            <thead><tr><th scope="col">When</th><th scope="col" className={css.roomy}>Who</th><th scope="col">What</th><th scope="col" className={css.wide}>From</th></tr></thead>
            <tbody>{entries.map((entry) => <Row key={entry.id} entry={entry} onWho={() => go(withQuery(at, { who: entry.who_id }))} />)}</tbody>
          </table>
        </div>
      )}
      {log.hasNextPage && (
        <Button variant="default" size="xs" className={css.next} loading={log.isFetchingNextPage} onClick={() => void log.fetchNextPage()}>Show more</Button>
      )}
    </>
  );
}

function Row({ entry, onWho }: { entry: AuditEntry; onWho: () => void }) {
  return (
    <tr>
      <td><Time at={entry.at} as="full" /></td>
      <td className={css.roomy}>
        {entry.who_id ? (
          <button type="button" className={`plain ${css.who}`} title="Show only what they did" onClick={onWho}>{entry.who_name}</button>
        ) : (
          entry.who_name || <span className="quiet">not signed in</span>
        )}
        {entry.who_kind === "token" && <span className={css.detail}>API token</span>}
      </td>
      <td>
        <span className={css.phone}>{entry.who_name || "Not signed in"}</span>
        {phrase(entry)}
        <span className={css.detail}>{told(entry)}</span>
      </td>
      <td className={css.wide}><code>{entry.address}</code></td>
    </tr>
  );
}
