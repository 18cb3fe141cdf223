import { Notice } from "./Notice";

/** Says that the page is to read for whoever is signed in, so that nobody looks for the buttons. */
export function Locked({ what, who = "an owner or admin" }: { what: string; who?: string }) {
  return <Notice tone="info" icon="lock">Your role may see {what}, not change them. Ask {who}.</Notice>;
}
