import "@fontsource-variable/ibm-plex-sans/wght.css";
import "@fontsource/ibm-plex-mono/400.css";
import "@fontsource/ibm-plex-mono/500.css";
import "@fontsource/ibm-plex-mono/600.css";
import "@mantine/core/styles.layer.css";
import "./ui/base.css";

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { newQueryClient } from "./api/queries";
import { Console } from "./Console";

const root = document.getElementById("root");
if (!root) throw new Error("index.html: there is no element with the id root");
createRoot(root).render(
  <StrictMode>
    <Console client={newQueryClient()} />
  </StrictMode>,
);
