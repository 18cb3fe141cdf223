// Times are shown on the reader's clock; the UTC instant is always one hover
// away (see ui/Time).

const clockFormat = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const dayYearFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const minuteFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const weekdayFormat = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });

/** "14:03:27.081" */
export function clock(date: Date): string {
  return clockFormat.format(date) + "." + String(date.getMilliseconds()).padStart(3, "0");
}

/** "22 Nov", with the year when it is not now's. */
export function day(date: Date, now: Date): string {
  return (date.getFullYear() === now.getFullYear() ? dayFormat : dayYearFormat).format(date);
}

/** "22 Nov, 14:03" */
export function dateTime(date: Date, now: Date): string {
  return day(date, now) + ", " + minuteFormat.format(date);
}

/** "2026-11-22 13:03:27.081 UTC" */
export function utc(date: Date): string {
  return date.toISOString().replace("T", " ").replace("Z", " UTC");
}

/** How long ago, coarsely: "just now", "5 min ago", "3 h ago", "12 d ago". */
export function ago(date: Date, now: Date): string {
  const seconds = (now.getTime() - date.getTime()) / 1000;
  if (seconds < 10) return "just now";
  return length(seconds * 1000) + " ago";
}

/** A length of time in one coarse unit: "40 s", "5 min", "3 h", "12 d". */
export function length(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 90) return Math.round(seconds) + " s";
  if (seconds < 90 * 60) return Math.round(seconds / 60) + " min";
  if (seconds < 36 * 3600) return Math.round(seconds / 3600) + " h";
  return Math.round(seconds / 86400) + " d";
}

/** A tick of a time axis whose points are `interval` ms apart, over `span` ms. */
export function tick(date: Date, interval: number, span: number): string {
  if (interval < 60_000) return clockFormat.format(date);
  const midnight = date.getHours() === 0 && date.getMinutes() === 0;
  if (span > 2 * 86_400_000 && (midnight || interval >= 86_400_000)) return dayFormat.format(date);
  return midnight ? dayFormat.format(date) : minuteFormat.format(date);
}

/** The heading of a chart's tooltip: the interval a point stands for. */
export function interval(from: Date, ms: number): string {
  if (ms >= 86_400_000) return weekdayFormat.format(from);
  const to = new Date(from.getTime() + ms);
  const format = ms < 60_000 ? clockFormat : minuteFormat;
  return `${weekdayFormat.format(from)}, ${format.format(from)}–${format.format(to)}`;
}
