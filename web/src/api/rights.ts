import { useSession } from "./queries";

/** The rights that the console asks about; the server has the table of them, and refuses whatever a page offers by mistake. */
export type AskedRight = "apps:write" | "people:write" | "owners:write" | "tokens:write" | "audit:read" | "rules:write" | "cohorts:write" | "charts:write" | "charts:embed" | "events:read" | "events:erase";

/** Tells what whoever is signed in may do: a page offers nothing else. */
export function useMay(): (right: AskedRight) => boolean {
  const rights = useSession().data?.rights ?? [];
  return (right) => rights.includes(right);
}
