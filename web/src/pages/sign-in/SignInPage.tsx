import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { sendJson } from "../../api/client";
import { sessionKey } from "../../api/queries";
import type { Session } from "../../api/types";
import { Notice } from "../../ui/Notice";
import { href, replace } from "../../url/location";
import { Gate } from "./Gate";
import css from "./Gate.module.css";

type Credentials = { token: string } | { email: string; password: string };

// Why one did not come in through the issuer, by the server's word for it.
const refusals: Record<string, string> = {
  failed: "Single sign-on failed. Try again; the server's log says more.",
  expired: "That sign-in took too long, or was begun in another browser. Try again.",
  unverified: "Your identity provider does not vouch for your e-mail address.",
  stranger: "Nobody with your e-mail address was invited. Ask an owner or admin.",
  first: "Nobody has a password yet: the first person signs in with the one-time token.",
};

interface Props {
  token: string | null;
  /** Why single sign-on was refused; "" when it was not. */
  refused: string;
  singleSignOn: boolean;
}

/** Signs in by e-mail and password, through the issuer, or by the one-time token of the server's log. */
export function SignInPage({ token, refused, singleSignOn }: Props) {
  const client = useQueryClient();
  const [byToken, setByToken] = useState(token !== null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(refused && (refusals[refused] ?? refusals.failed ?? ""));
  const [typed, setTyped] = useState({ token: "", email: "", password: "" });

  const signIn = useCallback(async (credentials: Credentials) => {
    setByToken("token" in credentials);
    setBusy(true);
    setError("");
    try {
      const session = await sendJson<Session>("POST", "/session", credentials);
      if ("token" in credentials) replace(href([session.needs_password ? "welcome" : "live"]));
      client.setQueryData(sessionKey, session);
    } catch (cause) {
      setError(cause instanceof Error ? cause.message : "Signing in failed.");
      setBusy(false);
    }
  }, [client]);

  // A link with a token signs in by itself. The token works once: it is used
  // once, and it does not stay in the address.
  const used = useRef("");
  useEffect(() => {
    if (!token || used.current === token) return;
    used.current = token;
    replace(href(["sign-in"]));
    void signIn({ token });
  }, [token, signIn]);

  const submit = (event: { preventDefault: () => void }) => {
    event.preventDefault();
    void signIn(byToken ? { token: typed.token.trim() } : { email: typed.email.trim(), password: typed.password });
  };
  const swap = () => {
    setByToken(!byToken);
    setError("");
  };

  return (
    <Gate title="Sign in">
      {error && <Notice tone="bad">{error}</Notice>}
      <form className={css.form} onSubmit={submit} aria-label="Sign in">
        {byToken ? (
          <TextInput
            label="One-time token"
            description="In the server's log, and in the file “secrets” of its data directory."
            required
            withAsterisk={false}
            autoComplete="one-time-code"
            spellCheck={false}
            value={typed.token}
            onChange={(event) => setTyped({ ...typed, token: event.currentTarget.value })}
          />
        ) : (
          <>
            <TextInput label="E-mail" type="email" required withAsterisk={false} autoComplete="username" value={typed.email} onChange={(event) => setTyped({ ...typed, email: event.currentTarget.value })} />
            <PasswordInput label="Password" required withAsterisk={false} autoComplete="current-password" value={typed.password} onChange={(event) => setTyped({ ...typed, password: event.currentTarget.value })} />
          </>
        )}
        <Button type="submit" loading={busy} fullWidth>Sign in</Button>
      </form>
      {singleSignOn && (
        <Button component="a" href="/api/v1/oidc/start" variant="default" fullWidth>Sign in with single sign-on</Button>
      )}
      <button type="button" className={`plain ${css.swap}`} onClick={swap}>
        {byToken ? "Sign in with e-mail and password" : "First time here? Use the one-time token"}
      </button>
    </Gate>
  );
}
