import { Button, Checkbox, Select, TextInput } from "@mantine/core";
import { useState } from "react";
import { sendJson } from "../../api/client";
import { useChange, useTokens } from "../../api/settings";
import type { NewToken, Token, TokenScope } from "../../api/types";
import { Confirm } from "../../ui/Confirm";
import { Trouble } from "../../ui/Notice";
import { Time } from "../../ui/Time";
import css from "./Settings.module.css";
import { Shown } from "./Shown";

/** Bearer tokens of programs. */
export function Tokens() {
  const tokens = useTokens();
  const [adding, setAdding] = useState(false);
  const [revoking, setRevoking] = useState<Token>();
  return (
    <>
      <header className={css.head}>
        <div>
          <h2>API tokens</h2>
          <p className="quiet">For programs: sent as Authorization: Bearer to the console's API and to the Management API. A token does what its scopes say, and never more than its maker may.</p>
        </div>
        <Button size="xs" disabled={!tokens.data} onClick={() => setAdding(true)}>New token</Button>
      </header>
      <Trouble error={tokens.error} />
      {tokens.isPending && !tokens.error && <p className="quiet" role="status">Loading…</p>}
      {tokens.data?.tokens.length === 0 && <p className={css.none}>No program has a token yet.</p>}
      {tokens.data && tokens.data.tokens.length > 0 && (
        <div className={`panel ${css.frame}`}>
          <table className={css.table} aria-label="API tokens">
            <thead><tr><th scope="col">Name</th><th scope="col" className={css.wide}>Made by</th><th scope="col" className={css.roomy}>Last used</th><th scope="col">Ends</th><th scope="col"><span className="unseen">Actions</span></th></tr></thead>
            <tbody>{tokens.data.tokens.map((token) => <Row key={token.id} token={token} onRevoke={() => setRevoking(token)} />)}</tbody>
          </table>
        </div>
      )}
      {adding && tokens.data && <Add scopes={tokens.data.scopes} onClose={() => setAdding(false)} />}
      {revoking && <Revoke token={revoking} onClose={() => setRevoking(undefined)} />}
    </>
  );
}

function Row({ token, onRevoke }: { token: Token; onRevoke: () => void }) {
  return (
    <tr>
      <th scope="row">
        {token.name}
        <span className={css.detail}>{token.scopes.join(", ")}</span>
      </th>
      <td className={css.wide}>{token.created_by || <span className="quiet">the administrator's token</span>}</td>
      <td className={css.roomy}>{token.last_used_at ? <Time at={token.last_used_at} as="ago" /> : <span className="quiet">not yet</span>}</td>
      <td>{token.expires_at ? <Time at={token.expires_at} as="full" /> : <span className="quiet">never</span>}</td>
      <td className={css.end}>
        <Button variant="subtle" color="red" size="compact-sm" className={css.danger} aria-label={`Revoke ${token.name}`} onClick={onRevoke}>Revoke</Button>
      </td>
    </tr>
  );
}

function Revoke({ token, onClose }: { token: Token; onClose: () => void }) {
  const revoke = useChange(() => sendJson("DELETE", `/tokens/${token.id}`), "tokens");
  return (
    <Confirm title={`Revoke ${token.name}`} action="Revoke" danger busy={revoke.isPending} error={revoke.error} onConfirm={() => revoke.mutate(undefined, { onSuccess: onClose })} onClose={onClose}>
      <p>Whatever uses it gets 401 from this moment on. This cannot be undone.</p>
    </Confirm>
  );
}

const lives = [
  { value: "30", label: "In 30 days" },
  { value: "90", label: "In 90 days" },
  { value: "365", label: "In a year" },
  { value: "", label: "Never" },
];

function Add({ scopes, onClose }: { scopes: TokenScope[]; onClose: () => void }) {
  const [name, setName] = useState("");
  const [days, setDays] = useState("90");
  const [chosen, setChosen] = useState<string[]>([]);
  const add = useChange((sent: { name: string; scopes: string[]; expires_at: string | null }) => sendJson<NewToken>("POST", "/tokens", sent), "tokens");
  if (add.data) {
    return (
      <Shown title={`Token ${add.data.name}`} values={[{ name: "Token", text: add.data.secret }]} onClose={onClose}>
        Copy it now: only its hash is kept, and it cannot be seen again.
      </Shown>
    );
  }
  const make = () => add.mutate({ name, scopes: chosen, expires_at: days ? new Date(Date.now() + Number(days) * 86_400_000).toISOString() : null });
  return (
    <Confirm title="New API token" action="Create" busy={add.isPending} error={add.error} disabled={!name.trim() || chosen.length === 0} onConfirm={make} onClose={onClose}>
      <TextInput label="Name" description="What it is for" data-autofocus value={name} maxLength={200} onChange={(event) => setName(event.currentTarget.value)} />
      <Select label="Ends" data={lives} value={days} allowDeselect={false} onChange={(value) => setDays(value ?? "")} />
      <Checkbox.Group label="Scopes" value={chosen} onChange={setChosen}>
        <div className={css.scopes}>
          {scopes.map((scope) => (
            <Checkbox key={scope.scope} size="xs" value={scope.scope} label={scope.means} description={scope.yours ? scope.scope : `${scope.scope}: needs the role ${scope.role}`} disabled={!scope.yours} />
          ))}
        </div>
      </Checkbox.Group>
    </Confirm>
  );
}
