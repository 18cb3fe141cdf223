import type { ReactNode } from "react";
import { Mark } from "../../ui/icons";
import css from "./Gate.module.css";

/** The frame of the pages before the console: a gauge, a title, a form. */
export function Gate({ title, children }: { title: string; children: ReactNode }) {
  return (
    <main className={css.gate}>
      <svg className={css.dial} viewBox="0 0 800 420" aria-hidden="true" focusable="false">
        <path d="M40 410a360 360 0 0 1 720 0" fill="none" stroke="var(--line-strong)" strokeWidth="26" strokeDasharray="2 16.85" />
        <path d="M90 410a310 310 0 0 1 620 0" fill="none" stroke="var(--line)" strokeWidth="1" />
      </svg>
      <div className={css.card}>
        <div className={css.brand}>
          <Mark size={26} />
          gatemeter
        </div>
        <h1>{title}</h1>
        {children}
      </div>
    </main>
  );
}
