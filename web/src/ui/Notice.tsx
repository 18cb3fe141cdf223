import type { ReactNode } from "react";
import { ApiError } from "../api/client";
import { Icon, type IconName } from "./icons";
import css from "./Notice.module.css";

interface Props {
  tone: "info" | "warn" | "bad";
  icon?: IconName;
  children: ReactNode;
}

/** A line that tells something about what stands beneath it. */
export function Notice({ tone, icon = "alert", children }: Props) {
  return (
    <div className={css.notice} data-tone={tone} role={tone === "bad" ? "alert" : "status"}>
      <Icon name={icon} size={15} />
      <div>{children}</div>
    </div>
  );
}

/** What went wrong on a page that keeps trying. A lost connection is told by the shell. */
export function Trouble({ error }: { error: Error | null | undefined }) {
  if (!error || (error instanceof ApiError && error.status === 0)) return null;
  return <Notice tone="bad">{error.message} Trying again.</Notice>;
}
