import { TextInput } from "@mantine/core";
import { useState } from "react";
import type { App } from "../api/types";
import { Confirm } from "../ui/Confirm";
import { Notice } from "../ui/Notice";
import { go, href, useLocation } from "../url/location";
import css from "./Erase.module.css";
import { useErasable, useErase, type Kind } from "./queries";
import { wouldDelete } from "./receipt";

interface Props {
  app: App;
  kind: Kind;
  id: string;
  onClose: () => void;
  /** It has begun. */
  onBegun?: () => void;
}

/** Asks, with the id to be typed, before a customer is erased; then shows how far that is. */
export function EraseDialog({ app, kind, id, onClose, onBegun }: Props) {
  const at = useLocation();
  const [typed, setTyped] = useState("");
  const would = useErasable(app, kind, id);
  const erase = useErase(app);
  const words = would.data && wouldDelete(would.data);
  const begin = () =>
    erase.mutate({ kind, id }, {
      onSuccess: (made) => {
        onBegun?.();
        onClose();
        go(href(["settings", "erasures"], { app: at.query.get("app") ?? undefined, erasure: made.id }));
      },
    });
  return (
    <Confirm title={`Erase the ${kind} ${id}`} action="Erase for good" danger busy={erase.isPending} error={erase.error ?? would.error} disabled={typed !== id} onConfirm={begin} onClose={onClose}>
      <div className={css.would} role="status">
        {!would.data && !would.error && <span className="quiet">Counting what is stored…</span>}
        {words && <span>This deletes <strong>{words}</strong>.</span>}
        {words === "" && <span>Nothing is stored of a {kind} with this id in {app.name}. Rules and cohorts that name it forget it all the same.</span>}
      </div>
      <p>
        Calls go with their headers and bodies, and so does its place in rules, sampling and cohorts{kind === "company" && "; its users stay, as users of no company"}. Sums keep its calls, as nobody’s. The files are
        rewritten, so that the bytes are gone too. What is sent about it from now on is stored like anything else.
      </p>
      <Notice tone="warn">This cannot be undone, nor stopped once it has begun. Backups made before still have the data.</Notice>
      <TextInput label={`Type “${id}” to erase it`} data-autofocus autoComplete="off" spellCheck={false} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} />
    </Confirm>
  );
}
