import { Button, Select, TextInput } from "@mantine/core";
import { useState } from "react";
import { sendJson } from "../../api/client";
import { useMay } from "../../api/rights";
import { useChange, usePeople } from "../../api/settings";
import type { Invitation, NewInvitation, Person } from "../../api/types";
import { Confirm } from "../../ui/Confirm";
import { Notice, Trouble } from "../../ui/Notice";
import { Time } from "../../ui/Time";
import { href } from "../../url/location";
import css from "./Settings.module.css";
import { Shown } from "./Shown";

export const roles = [
  { value: "owner", label: "Owner", means: "may do everything" },
  { value: "admin", label: "Admin", means: "everything but to make and remove owners" },
  { value: "analyst", label: "Analyst", means: "sees everything, saves charts and cohorts" },
  { value: "read-only", label: "Read-only", means: "sees calls, customers and rules, changes nothing" },
];

/** Everybody who can sign in, and who is about to. */
export function People() {
  const people = usePeople();
  const [inviting, setInviting] = useState(false);
  const [removing, setRemoving] = useState<Person>();
  const list = people.data?.people ?? [];
  const owners = list.filter((one) => one.role === "owner").length;
  return (
    <>
      <header className={css.head}>
        <div>
          <h2>People</h2>
          <p className="quiet">{roles.map((role) => `${role.label} ${role.means}`).join("; ")}.</p>
        </div>
        <Button size="xs" onClick={() => setInviting(true)}>Invite somebody</Button>
      </header>
      <Trouble error={people.error} />
      {people.isPending && !people.error && <p className="quiet" role="status">Loading…</p>}
      {people.data && (
        <div className={`panel ${css.frame}`}>
          <table className={css.table} aria-label="People">
            <thead><tr><th scope="col">E-mail</th><th scope="col">Role</th><th scope="col" className={css.wide}>Signs in with</th><th scope="col" className={css.wide}>Joined</th><th scope="col"><span className="unseen">Actions</span></th></tr></thead>
            <tbody>
              {list.map((person) => <Row key={person.id} person={person} lastOwner={person.role === "owner" && owners === 1} onRemove={() => setRemoving(person)} />)}
            </tbody>
          </table>
        </div>
      )}
      {people.data && people.data.invitations.length > 0 && <Invitations list={people.data.invitations} />}
      {inviting && <Invite onClose={() => setInviting(false)} />}
      {removing && <Remove person={removing} onClose={() => setRemoving(undefined)} />}
    </>
  );
}

function Row({ person, lastOwner, onRemove }: { person: Person; lastOwner: boolean; onRemove: () => void }) {
  const may = useMay();
  const change = useChange((role: string) => sendJson("PUT", `/people/${person.id}/role`, { role }), "people");
  const forOwners = person.role === "owner" && !may("owners:write");
  const why = lastOwner ? "The last owner stays. Make somebody else an owner first." : forOwners ? "Only an owner can change owners." : undefined;
  return (
    <tr>
      <th scope="row">
        {person.email}
        {person.you && <span className="quiet"> (you)</span>}
        {change.error && <span className={css.wrong} role="alert">{change.error.message}</span>}
      </th>
      <td title={why}>
        <Select
          size="xs"
          aria-label={`Role of ${person.email}`}
          className={css.role}
          data={roles.map((role) => ({ ...role, disabled: role.value === "owner" && !may("owners:write") }))}
          value={change.isPending ? change.variables : person.role}
          disabled={why !== undefined || change.isPending}
          allowDeselect={false}
          onChange={(role) => role && change.mutate(role)}
        />
      </td>
      <td className={css.wide}>{[person.password && "password", person.single_sign_on && "single sign-on"].filter(Boolean).join(", ")}</td>
      <td className={css.wide}><Time at={person.created_at} as="full" /></td>
      <td className={css.end} title={why}>
        <Button variant="subtle" color="red" size="compact-sm" className={css.danger} disabled={why !== undefined} aria-label={`Remove ${person.email}`} onClick={onRemove}>Remove</Button>
      </td>
    </tr>
  );
}

function Remove({ person, onClose }: { person: Person; onClose: () => void }) {
  const remove = useChange(() => sendJson("DELETE", `/people/${person.id}`), "people", "tokens");
  return (
    <Confirm title={`Remove ${person.email}`} action="Remove" danger busy={remove.isPending} error={remove.error} onConfirm={() => remove.mutate(undefined, { onSuccess: onClose })} onClose={onClose}>
      <p>{person.you ? "You are signed out at once." : "This person is signed out at once."} API tokens and open invitations made by {person.you ? "you" : "this person"} end too: programs that use them stop working.</p>
    </Confirm>
  );
}

function Invitations({ list }: { list: Invitation[] }) {
  const may = useMay();
  const withdraw = useChange((id: string) => sendJson("DELETE", `/invitations/${id}`), "people");
  return (
    <section aria-label="Open invitations" className={css.more}>
      <h3>Open invitations</h3>
      {withdraw.error && <Notice tone="bad">{withdraw.error.message}</Notice>}
      <div className={`panel ${css.frame}`}>
        <table className={css.table} aria-label="Invitations">
          <thead><tr><th scope="col">E-mail</th><th scope="col">Role</th><th scope="col" className={css.wide}>Ends</th><th scope="col"><span className="unseen">Actions</span></th></tr></thead>
          <tbody>
            {list.map((one) => (
              <tr key={one.id}>
                <th scope="row">{one.email}</th>
                <td>{roles.find((role) => role.value === one.role)?.label ?? one.role}</td>
                <td className={css.wide}><Time at={one.expires_at} as="full" /></td>
                <td className={css.end} title={one.role === "owner" && !may("owners:write") ? "Only an owner can take this back." : undefined}>
                  <Button variant="subtle" color="red" size="compact-sm" className={css.danger} disabled={one.role === "owner" && !may("owners:write")} loading={withdraw.isPending && withdraw.variables === one.id} aria-label={`Take back the invitation of ${one.email}`} onClick={() => withdraw.mutate(one.id)}>
                    Take back
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Invite({ onClose }: { onClose: () => void }) {
  const may = useMay();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState("read-only");
  const invite = useChange((sent: { email: string; role: string }) => sendJson<NewInvitation>("POST", "/invitations", sent), "people");
  if (invite.data) {
    const link = window.location.origin + "/" + href(["join"], { email: invite.data.email, token: invite.data.token });
    return (
      <Shown title={`Invitation of ${invite.data.email}`} values={[{ name: "Link", text: link }]} onClose={onClose}>
        Hand this link on yourself; nothing is sent. It works once, for seven days, and cannot be seen again.
      </Shown>
    );
  }
  return (
    <Confirm title="Invite somebody" action="Make the link" busy={invite.isPending} error={invite.error} disabled={!email.trim()} onConfirm={() => invite.mutate({ email: email.trim(), role })} onClose={onClose}>
      <TextInput label="E-mail" type="email" data-autofocus autoComplete="off" value={email} onChange={(event) => setEmail(event.currentTarget.value)} />
      <Select
        label="Role"
        description={roles.find((one) => one.value === role)?.means}
        data={roles.map((one) => ({ ...one, disabled: one.value === "owner" && !may("owners:write") }))}
        value={role}
        allowDeselect={false}
        onChange={(value) => setRole(value ?? "read-only")}
      />
    </Confirm>
  );
}
