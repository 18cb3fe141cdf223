import { usePipeline } from "../../api/queries";
import type { App } from "../../api/types";
import { count, percent } from "../../format/number";
import { CopyButton } from "../../ui/CopyButton";
import { FirstEvent } from "../../ui/FirstEvent";
import { Icon } from "../../ui/icons";
import { Trouble } from "../../ui/Notice";
import { Arrivals } from "./Arrivals";
import { balance, deleted, type Line } from "./balance";
import { Keeping } from "./Keeping";
import css from "./PipelinePage.module.css";

/** The books: everything that came in, against everything that became of it. */
export function PipelinePage({ app }: { app: App }) {
  const books = usePipeline();
  const own = books.data?.find((one) => one.app === app.id);
  if (!own) {
    return <div className={css.page}>{books.error ? <Trouble error={books.error} /> : <p className="quiet" role="status">Loading…</p>}</div>;
  }
  if (own.received === 0) return <FirstEvent app={app} />;
  const { lines, sum, difference } = balance(own);
  return (
    <div className={css.page}>
      <header className={css.head}>
        <h1>Pipeline</h1>
        <p className="quiet">Every call that reached the collector, and what became of it. Both sides are counted apart from each other, and must agree.</p>
      </header>
      <Trouble error={books.error} />
      <section className={`panel ${css.books}`} aria-label="Books">
        <div className={css.side}>
          <span className={css.label}>Received</span>
          <span className={css.total} data-testid="received">{count(own.received)}</span>
          <div className={css.bar} aria-hidden="true"><span data-tone="received" style={{ flexGrow: 1 }} /></div>
        </div>
        <div className={css.side}>
          <span className={css.label}>Accounted for</span>
          <span className={css.total}>{count(sum)}</span>
          <div className={css.bar} aria-hidden="true">
            {lines.filter((line) => line.calls > 0).map((line) => <span key={line.name} data-tone={line.tone} style={{ flexGrow: line.calls }} />)}
          </div>
        </div>
        <table className={css.lines}>
          <thead className="unseen"><tr><th scope="col">What became of it</th><th scope="col">Calls</th><th scope="col">Share</th></tr></thead>
          <tbody>{lines.map((line) => <LineRow key={line.name} line={line} received={own.received} />)}</tbody>
        </table>
        <div className={css.verdict} role="status" data-balanced={difference === 0}>
          <Icon name={difference === 0 ? "check" : "alert"} />
          {difference === 0 ? "The books balance." : `${count(Math.abs(difference))} calls ${difference > 0 ? "are not accounted for" : "more are accounted for than were received"}.`}
        </div>
        {deleted(own).map((text) => <p key={text} className={css.deleted}>{text}</p>)}
      </section>
      <Arrivals app={app} />
      <Keeping app={app} />
      <Address app={app} />
    </div>
  );
}

/** Where gateways and SDKs send events of this application. */
function Address({ app }: { app: App }) {
  const collector = window.location.origin;
  return (
    <section className={`panel ${css.address}`} aria-label="Send events here">
      <h2>Send events here</h2>
      <p className="quiet">What a gateway or a Moesif SDK needs to report to this application. Whoever has the id can write events, and read none.</p>
      <dl>
        <dt>Collector</dt>
        <dd><code>{collector}</code><CopyButton label="Copy" text={() => collector} /></dd>
        <dt>Application id</dt>
        {app.application_id ? (
          <dd><code>{app.application_id}</code><CopyButton label="Copy" text={() => app.application_id} /></dd>
        ) : (
          <dd className="quiet">{app.revoked_at ? "Revoked: the collector takes no calls of this application." : "Ask an owner or admin for it: whoever has it can send calls."}</dd>
        )}
      </dl>
    </section>
  );
}

function LineRow({ line, received }: { line: Line; received: number }) {
  return (
    <tr>
      <th scope="row">
        <span className={css.swatch} data-tone={line.tone} aria-hidden="true" />
        <span>
          {line.name}
          <span className={css.means}>{line.means}</span>
        </span>
      </th>
      <td>{count(line.calls)}</td>
      <td className="quiet">{received > 0 ? percent(line.calls / received) : ""}</td>
    </tr>
  );
}
