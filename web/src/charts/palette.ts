import type { GroupBy, SeriesGroup } from "../api/types";

/** How many groups a chart tells apart; the rest is summed by the server. */
export const groupCount = 8;

/** The server's name for the sum of all further groups. */
export const others = "(others)";

/**
 * The CSS variable of each group's colour. Groups keep the colour of their
 * place, except statuses: there the colour says what the status says.
 */
export function groupColors(groups: Pick<SeriesGroup, "key">[], by: GroupBy | undefined): Map<string, string> {
  const colors = new Map<string, string>();
  const taken = new Map<string, number>();
  groups.forEach(({ key }, place) => {
    if (key === others) colors.set(key, "--series-others");
    else if (by === "status") colors.set(key, statusColor(key, taken));
    else colors.set(key, `--series-${place % groupCount}`);
  });
  return colors;
}

// Within a class of statuses the shades differ, from strong to weak.
const statusShades: Record<string, string[]> = {
  "2": ["--series-0", "--series-6"],
  "3": ["--series-4", "--series-1"],
  "4": ["--series-2", "--series-7", "--series-6"],
  "5": ["--bad", "--series-3"],
};

function statusColor(status: string, taken: Map<string, number>): string {
  const kind = status[0] ?? "";
  const shades = statusShades[kind] ?? ["--bad"];
  const at = taken.get(kind) ?? 0;
  taken.set(kind, at + 1);
  return shades[at % shades.length] ?? "--bad";
}

/** A group's name as people read it. */
export function groupName(key: string, by: GroupBy | undefined): string {
  if (key !== "") return key === others ? "All others" : by === "status" && key === "0" ? "no answer" : key;
  return by ? `no ${by}` : "All calls";
}
