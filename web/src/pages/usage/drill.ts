import type { GroupBy } from "../../api/types";
import { others } from "../../charts/palette";
import type { Filters } from "../../url/filters";

/** The ways to group, in the order a question usually goes deeper. */
export const ways: GroupBy[] = ["company", "route", "user", "status", "verb"];

/** Whether a group can be gone into: it has a value that a filter can hold. */
export function canDrill(key: string, by: GroupBy | undefined): by is GroupBy {
  return by !== undefined && key !== "" && key !== others;
}

/**
 * Goes into one group: its value becomes a filter, and what is left is grouped
 * by the first way that does not have a filter yet.
 */
export function drill(filters: Filters, by: GroupBy, key: string): { filters: Filters; by: GroupBy } {
  const narrowed: Filters = { ...filters, [by]: key };
  return { filters: narrowed, by: ways.find((way) => !narrowed[way]) ?? by };
}
