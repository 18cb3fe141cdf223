import { ago, clock, dateTime, utc } from "../format/time";
import { unknown } from "../format/number";
import { useNow } from "./now";

interface Props {
  at: string | null | undefined;
  /** clock: time of day with milliseconds; ago: how long ago; full: day and time. */
  as: "clock" | "ago" | "full";
}

/** An instant on the reader's clock; hovering tells it in UTC. */
export function Time({ at, as }: Props) {
  const now = useNow();
  const date = new Date(at ?? "");
  if (!at || Number.isNaN(date.getTime())) return <span className="quiet">{unknown}</span>;
  const text = { clock: () => clock(date), ago: () => ago(date, now), full: () => dateTime(date, now) }[as]();
  return (
    <time dateTime={at} title={as === "ago" ? `${dateTime(date, now)} (${utc(date)})` : utc(date)} className="nowrap">
      {text}
    </time>
  );
}
