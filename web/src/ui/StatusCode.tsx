import css from "./StatusCode.module.css";

/** The class of a status: what colour it has everywhere. */
export function statusClass(status: number): "fine" | "client" | "server" {
  if (status === 0 || status >= 500) return "server";
  return status >= 400 ? "client" : "fine";
}

/** An answer's status; 0 stands for a call that was never answered. */
export function StatusCode({ status }: { status: number }) {
  return (
    <span className={css.status} data-class={statusClass(status)}>
      {status === 0 ? "none" : status}
    </span>
  );
}

export function Verb({ verb }: { verb: string }) {
  return (
    <span className={css.verb} data-reads={verb === "GET" || verb === "HEAD" || verb === "OPTIONS"}>
      {verb}
    </span>
  );
}
