import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { sendJson } from "../../api/client";
import { sessionKey, useSession } from "../../api/queries";
import type { Session } from "../../api/types";
import { Notice } from "../../ui/Notice";
import { go, href } from "../../url/location";
import { Gate } from "./Gate";
import css from "./Gate.module.css";

const shortest = 10; // characters of a password, as the server demands

/** Invites who came by a one-time token to set an e-mail and password. */
export function WelcomePage() {
  const client = useQueryClient();
  const session = useSession().data;
  const [email, setEmail] = useState(session?.email ?? "");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const first = session?.needs_password ?? true;

  const save = async (event: { preventDefault: () => void }) => {
    event.preventDefault();
    if (password.length < shortest) {
      setError(`The password needs at least ${shortest} characters.`);
      return;
    }
    setBusy(true);
    setError("");
    try {
      client.setQueryData(sessionKey, await sendJson<Session>("PUT", "/me", { email: email.trim(), password }));
      go(href(["live"]));
    } catch (cause) {
      setError(cause instanceof Error ? cause.message : "Saving failed.");
      setBusy(false);
    }
  };

  return (
    <Gate title={first ? "You are in" : "E-mail and password"}>
      {first && <p className={css.lead}>The token you used works once. Set an e-mail and a password now to be able to come back.</p>}
      {error && <Notice tone="bad">{error}</Notice>}
      <form className={css.form} onSubmit={(event) => void save(event)} aria-label="Set e-mail and password">
        <TextInput label="E-mail" type="email" required withAsterisk={false} autoComplete="username" value={email} onChange={(event) => setEmail(event.currentTarget.value)} />
        <PasswordInput label="New password" description={`At least ${shortest} characters`} required withAsterisk={false} autoComplete="new-password" value={password} onChange={(event) => setPassword(event.currentTarget.value)} />
        <Button type="submit" loading={busy} fullWidth>Save and continue</Button>
      </form>
      <a className={css.swap} href={href(["live"])}>{first ? "Not now" : "Back"}</a>
    </Gate>
  );
}
