import "@fontsource-variable/ibm-plex-sans/wght.css";
import "@fontsource/ibm-plex-mono/400.css";
import "@fontsource/ibm-plex-mono/500.css";
import "@fontsource/ibm-plex-mono/600.css";
import "@mantine/core/styles.layer.css";
import "./ui/base.css";

import { lazy, StrictMode, Suspense } from "react";
import { createRoot } from "react-dom/client";
import { newQueryClient } from "./api/queries";
import { Console } from "./Console";

const EmbedPage = lazy(() => import("./pages/analytics/EmbedPage"));

// An embedded page has its token in the path, and knows nothing of a sign-in.
const token = /^\/embed\/([^/]+)$/.exec(window.location.pathname)?.[1];
const client = newQueryClient();
const root = document.getElementById("root");
if (!root) throw new Error("index.html: there is no element with the id root");
createRoot(root).render(
  <StrictMode>
    {token ? <Suspense fallback={null}><EmbedPage client={client} token={token} /></Suspense> : <Console client={client} />}
  </StrictMode>,
);
