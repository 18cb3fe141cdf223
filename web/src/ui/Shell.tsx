import { ActionIcon, Menu, useMantineColorScheme, type MantineColorScheme } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore, type ReactNode } from "react";
import { isReachable, onReachable, remove } from "../api/client";
import type { App, Session } from "../api/types";
import { go, href, useLocation, withQuery } from "../url/location";
import { Icon, Mark, type IconName } from "./icons";
import { Notice } from "./Notice";
import css from "./Shell.module.css";

interface Props {
  session: Session;
  apps: App[];
  app: App;
  children: ReactNode;
}

const places: { path: string; name: string; icon: IconName }[] = [
  { path: "live", name: "Live", icon: "live" },
  { path: "usage", name: "Usage", icon: "usage" },
  { path: "customers", name: "Customers", icon: "people" },
  { path: "pipeline", name: "Pipeline", icon: "pipeline" },
];

/** What every page stands in: the bar, the ways to the other pages, the state of the connection. */
export function Shell({ session, apps, app, children }: Props) {
  const at = useLocation();
  const here = at.path[0];
  const name = here === "settings" ? "Settings" : (places.find((place) => place.path === here)?.name ?? "Live");

  useEffect(() => {
    document.title = [at.path[2], name, "gatemeter"].filter(Boolean).join(" · ");
  }, [name, at.path]);

  // The other pages are opened on the same application and span of time.
  const carried = { app: at.query.get("app") ?? undefined, range: at.query.get("range") ?? undefined, from: at.query.get("from") ?? undefined, to: at.query.get("to") ?? undefined };
  return (
    <div className={css.shell}>
      <a className={css.skip} href="#main" onClick={skipToMain}>Skip to content</a>
      <header className={css.bar}>
        <a href={href(["live"], { app: carried.app })} className={css.brand} aria-label="gatemeter, to Live">
          <Mark />
          <span>gatemeter</span>
        </a>
        <nav className={css.nav} aria-label="Pages">
          {places.map((place) => (
            <a key={place.path} href={href([place.path], carried)} aria-current={place.path === here ? "page" : undefined}>
              <Icon name={place.icon} />
              <span>{place.name}</span>
            </a>
          ))}
        </nav>
        <div className={css.tools}>
          <AppMenu apps={apps} app={app} />
          <ActionIcon component="a" href={href(["settings"], { app: carried.app })} variant="subtle" color="gray" className={css.settings} aria-label="Settings" aria-current={here === "settings" ? "page" : undefined}>
            <Icon name="settings" />
          </ActionIcon>
          <SchemeMenu />
          <AccountMenu session={session} />
        </div>
      </header>
      <ConnectionLost />
      {session.needs_password && (
        <div className={css.strip}>
          <Notice tone="info" icon="lock">
            You are in by a one-time sign-in. <a href={href(["welcome"])}>Set an e-mail and password</a> to come back later.
          </Notice>
        </div>
      )}
      <main id="main" className={css.main} tabIndex={-1} aria-label={name}>
        {children}
      </main>
    </div>
  );
}

// The hash is the console's address, so the link moves the focus itself.
function skipToMain(event: { preventDefault: () => void }): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function ConnectionLost() {
  const reachable = useSyncExternalStore(onReachable, isReachable);
  if (reachable) return null;
  return (
    <div className={css.strip}>
      <Notice tone="bad">Connection to the server lost. What you see may be old; trying again.</Notice>
    </div>
  );
}

function AppMenu({ apps, app }: { apps: App[]; app: App }) {
  const at = useLocation();
  if (apps.length < 2) return <span className={css.app} title={app.id}>{app.name}</span>;
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <button type="button" className={`plain ${css.app}`} aria-label={`Application: ${app.name}`}>
          {app.name}
          <Icon name="chevron" size={12} />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        {apps.map((one) => (
          <Menu.Item key={one.id} onClick={() => go(withQuery({ path: at.path.slice(0, 1), query: new URLSearchParams() }, { app: one.id }))}>
            {one.name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

const schemes: { value: MantineColorScheme; name: string; icon: IconName }[] = [
  { value: "auto", name: "As the system", icon: "system" },
  { value: "light", name: "Light", icon: "sun" },
  { value: "dark", name: "Dark", icon: "moon" },
];

function SchemeMenu() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const chosen = schemes.find((scheme) => scheme.value === colorScheme) ?? schemes[0];
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label="Colours">
          <Icon name={chosen?.icon ?? "system"} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {schemes.map((scheme) => (
          <Menu.Item key={scheme.value} leftSection={<Icon name={scheme.icon} />} rightSection={scheme === chosen && <Icon name="check" size={14} />} onClick={() => setColorScheme(scheme.value)}>
            {scheme.name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function AccountMenu({ session }: { session: Session }) {
  const client = useQueryClient();
  const signOut = async () => {
    await remove("/session");
    client.clear();
    window.location.hash = href(["sign-in"]);
  };
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label="Account">
          <Icon name="person" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {session.email || "One-time sign-in"}
          {session.role && ` · ${session.role}`}
        </Menu.Label>
        <Menu.Item onClick={() => go(href(["welcome"]))}>{session.needs_password ? "Set e-mail and password" : "Change e-mail and password"}</Menu.Item>
        <Menu.Item onClick={() => void signOut()}>Sign out</Menu.Item>
        {session.version && <Menu.Label>gatemeter {session.version}</Menu.Label>}
      </Menu.Dropdown>
    </Menu>
  );
}
