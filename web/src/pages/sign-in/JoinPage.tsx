import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { sendJson } from "../../api/client";
import { sessionKey } from "../../api/queries";
import type { Session } from "../../api/types";
import { Notice } from "../../ui/Notice";
import { href, replace } from "../../url/location";
import { Gate } from "./Gate";
import css from "./Gate.module.css";

const shortest = 10; // characters of a password, as the server demands

/** Where an invitation's link leads: a password makes its reader a person. */
export function JoinPage({ token, email }: { token: string; email: string }) {
  const client = useQueryClient();
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");

  const join = async (event: { preventDefault: () => void }) => {
    event.preventDefault();
    if (password.length < shortest) {
      setError(`The password needs at least ${shortest} characters.`);
      return;
    }
    setBusy(true);
    setError("");
    try {
      const session = await sendJson<Session>("POST", "/join", { token, password });
      client.clear();
      client.setQueryData(sessionKey, session);
      replace(href(["live"]));
    } catch (cause) {
      setError(cause instanceof Error && !cause.message.startsWith("That is not a valid") ? cause.message : "This invitation was used, taken back, or is older than seven days. Ask for a new one.");
      setBusy(false);
    }
  };

  return (
    <Gate title="You are invited">
      <p className={css.lead}>Set a password to come in and to come back.</p>
      {error && <Notice tone="bad">{error}</Notice>}
      <form className={css.form} onSubmit={(event) => void join(event)} aria-label="Accept the invitation">
        {email && <TextInput label="E-mail" type="email" readOnly autoComplete="username" value={email} />}
        <PasswordInput label="Password" description={`At least ${shortest} characters`} required withAsterisk={false} autoComplete="new-password" value={password} onChange={(event) => setPassword(event.currentTarget.value)} />
        <Button type="submit" loading={busy} fullWidth>Come in</Button>
      </form>
      <a className={css.swap} href={href(["sign-in"])}>Sign in instead</a>
    </Gate>
  );
}
