import { Button, MantineProvider } from "@mantine/core";
import { QueryClientProvider, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useEffect } from "react";
import { onSignedOut } from "./api/client";
import { sessionKey, useApps, useSession } from "./api/queries";
import type { App, Session } from "./api/types";
import { CustomersPage } from "./pages/customers/CustomersPage";
import { LivePage } from "./pages/live/LivePage";
import { PipelinePage } from "./pages/pipeline/PipelinePage";
import { SettingsPage } from "./pages/settings/SettingsPage";
import { JoinPage } from "./pages/sign-in/JoinPage";
import { SignInPage } from "./pages/sign-in/SignInPage";
import { WelcomePage } from "./pages/sign-in/WelcomePage";
import { Mark } from "./ui/icons";
import { Shell } from "./ui/Shell";
import css from "./ui/Shell.module.css";
import { schemeManager, theme } from "./ui/theme";
import { href, replace, useLocation } from "./url/location";

// These two draw charts, and the chart library is most of the console's weight.
const UsagePage = lazy(() => import("./pages/usage/UsagePage"));
const CustomerPage = lazy(() => import("./pages/customers/CustomerPage"));

/** The whole console: who is signed in decides what is drawn. */
export function Console({ client }: { client: QueryClient }) {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" colorSchemeManager={schemeManager}>
      <QueryClientProvider client={client}>
        <Doorway />
      </QueryClientProvider>
    </MantineProvider>
  );
}

function Doorway() {
  const client = useQueryClient();
  const session = useSession();
  const at = useLocation();

  useEffect(() => {
    onSignedOut(() => void client.invalidateQueries({ queryKey: sessionKey }));
  }, [client]);

  if (!session.data) return <Waiting error={session.error} retry={() => void session.refetch()} />;
  if (at.path[0] === "join") return <JoinPage token={at.query.get("token") ?? ""} email={at.query.get("email") ?? ""} />;
  if (!session.data.signed_in) {
    const asked = at.path[0] === "sign-in" ? at.query : undefined;
    return <SignInPage token={asked?.get("token") ?? null} refused={asked?.get("refused") ?? ""} singleSignOn={session.data.single_sign_on} />;
  }
  if (at.path[0] === "welcome") return <WelcomePage />;
  return <SignedIn session={session.data} />;
}

function SignedIn({ session }: { session: Session }) {
  const apps = useApps();
  const at = useLocation();
  const page = at.path[0] ?? "";
  const known = page in pages;

  useEffect(() => {
    if (!known) replace(href(["live"]));
  }, [known]);

  const app = apps.data?.find((one) => one.id === at.query.get("app")) ?? apps.data?.[0];
  if (!app) return <Waiting error={apps.error} retry={() => void apps.refetch()} />;
  const Page = pages[page as keyof typeof pages] ?? LivePage;
  return (
    <Shell session={session} apps={apps.data ?? []} app={app}>
      <Suspense fallback={<p className={css.loading} role="status">Loading…</p>}>
        {/* Another application is another page: nothing on it is carried over. */}
        <Page key={app.id} app={app} />
      </Suspense>
    </Shell>
  );
}

function Customers({ app }: { app: App }) {
  const { path } = useLocation();
  const kind = path[1] === "users" ? "users" : "companies";
  const id = path[2];
  return id ? <CustomerPage key={kind + id} app={app} kind={kind} id={id} /> : <CustomersPage app={app} kind={kind} />;
}

const pages = { live: LivePage, usage: UsagePage, customers: Customers, pipeline: PipelinePage, settings: SettingsPage };

function Waiting({ error, retry }: { error: Error | null; retry: () => void }) {
  return (
    <main className={css.waiting}>
      <Mark size={40} />
      {error ? (
        <div role="alert">
          <h1>{error.message}</h1>
          <p className="quiet">Trying again every five seconds.</p>
          <Button variant="default" size="xs" onClick={retry}>Try now</Button>
        </div>
      ) : (
        <p className="unseen" role="status">Loading…</p>
      )}
    </main>
  );
}
