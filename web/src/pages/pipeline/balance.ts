import type { Books } from "../../api/types";
import { count } from "../../format/number";

/** One thing that can become of a received call. */
export interface Line {
  name: string;
  means: string;
  calls: number;
  tone: "stored" | "waiting" | "twice" | "refused" | "lost";
}

const rejections: Record<string, string> = {
  too_old: "Older than 30 days when it arrived.",
  too_large: "Over 1 MB even without its bodies.",
  malformed: "Not an event: a required field is missing or can not be read.",
};

/**
 * Both sides of the books: what was received, line by line what became of it,
 * and the difference, which is zero unless something was lost or counted twice.
 */
export function balance(books: Books): { lines: Line[]; sum: number; difference: number } {
  const lines: Line[] = [
    { name: "Stored", means: "In the event store; every page of the console shows them.", calls: books.stored, tone: "stored" },
    { name: "In flight", means: "Safe in the journal, on the way to the event store.", calls: books.in_flight, tone: "waiting" },
    { name: "Duplicates", means: "Arrived again, after a retry for instance, and counted once.", calls: books.duplicate, tone: "twice" },
    ...reasons(books.rejected).map(([reason, calls]): Line => ({ name: `Rejected, ${words(reason)}`, means: rejections[reason] ?? "Could not be accepted; the sender was told.", calls, tone: "refused" })),
    ...reasons(books.dropped).map(([reason, calls]): Line => ({ name: `Dropped, ${words(reason)}`, means: "Accepted once and given up later.", calls, tone: "lost" })),
  ];
  const sum = lines.reduce((total, line) => total + line.calls, 0);
  return { lines, sum, difference: books.received - sum };
}

/** What was stored and is not kept any more, in words. It is no part of the sum. */
export function deleted(books: Books): string[] {
  const why: Record<string, string> = { retention: "Too old to be kept", erased: "Erased on request" };
  return Object.entries(books.deleted)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([reason, rows]) => `${why[reason] ?? words(reason)}, of those stored: ${count(rows.events + rows.actions)} calls, and the bodies of ${count(rows.bodies)}.`);
}

function reasons(counts: Record<string, number>): [string, number][] {
  return Object.entries(counts).sort(([a], [b]) => a.localeCompare(b));
}

function words(reason: string): string {
  return reason.replaceAll("_", " ");
}
