import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getJson, remove, sendJson } from "../../api/client";
import type { components } from "../../api/schema";
import type { WireEvent } from "../../api/types";
import type { Rule, RuleState } from "./draft";

type Schemas = components["schemas"];

export type DryRun = Omit<Schemas["DryRun"], "calls"> & { calls: WireEvent[] };
export type Preview = Omit<Schemas["RulePreview"], "body"> & { body?: unknown };
export type Version = Omit<Schemas["RuleVersion"], "changes"> & { changes: { field: string; before?: unknown; after?: unknown }[] };

const of = (app: string, path = "", more: Record<string, string | undefined> = {}) => {
  const query = new URLSearchParams({ app });
  for (const [name, value] of Object.entries(more)) if (value) query.set(name, value);
  return `/rules${path}?${query.toString()}`;
};
const one = (id: string) => "/" + encodeURIComponent(id);

export function useRules(app: string) {
  return useQuery({
    queryKey: ["rules", app, "list"],
    queryFn: async ({ signal }) => (await getJson<{ rules: Rule[] }>("/rules", { app }, signal)).rules,
    refetchInterval: 15_000,
  });
}

/** A rule is asked for again only when somebody comes back to it: it is being edited. */
export function useRule(app: string, id: string, enabled: boolean) {
  return useQuery({
    queryKey: ["rules", app, "one", id],
    queryFn: ({ signal }) => getJson<Rule>("/rules" + one(id), { app }, signal),
    enabled,
    staleTime: 0,
    refetchOnWindowFocus: false,
  });
}

/** The changes of a rule, or of all rules. */
export function useHistory(app: string, id: string) {
  return useInfiniteQuery({
    queryKey: ["rules", app, "history", id],
    queryFn: ({ pageParam, signal }) => getJson<{ versions: Version[]; next: number }>(`/rules${id && one(id)}/history`, { app, before: pageParam || undefined }, signal),
    initialPageParam: 0,
    getNextPageParam: (page) => page.next || undefined,
    refetchInterval: 15_000,
  });
}

/** What a shadow rule would have done since it is in shadow. */
export function useShadowReport(app: string, rule: Rule) {
  return useQuery({
    queryKey: ["dry-run", app, rule.id, rule.updated_at],
    queryFn: ({ signal }) => getJson<DryRun>("/rules" + one(rule.id) + "/dry-run", { app }, signal),
    enabled: rule.state === "shadow",
    refetchInterval: 30_000,
    staleTime: 15_000,
  });
}

export function useDryRun(app: string) {
  return useMutation({ mutationFn: ({ rule, from }: { rule: unknown; from: string }) => sendJson<DryRun>("POST", of(app, "/dry-run", { from }), rule) });
}

/** What a draft answers a customer with; null while there is no draft to ask about. */
export function usePreview(app: string, asked: { rule: unknown; customer: string } | null) {
  return useQuery({
    queryKey: ["preview", app, asked],
    queryFn: () => sendJson<Preview>("POST", of(app, "/preview"), asked),
    enabled: asked !== null,
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    retry: false,
  });
}

export interface Ways {
  save: (id: string, rule: unknown) => Promise<Rule>;
  switchTo: (id: string, state: RuleState) => Promise<Rule>;
  order: (ids: string[]) => Promise<unknown>;
  drop: (id: string) => Promise<void>;
  revert: (id: string, version: number, state?: RuleState) => Promise<Rule>;
}

/** Everything that changes rules; what is shown is asked for again after each. */
export function useWays(app: string): Ways {
  const client = useQueryClient();
  const after = async <T>(done: Promise<T>): Promise<T> => {
    try {
      return await done;
    } finally {
      await client.invalidateQueries({ queryKey: ["rules", app] });
    }
  };
  return {
    save: (id, rule) => after(id === "" ? sendJson<Rule>("POST", of(app), rule) : sendJson<Rule>("PUT", of(app, one(id)), rule)),
    switchTo: (id, state) => after(sendJson<Rule>("PUT", of(app, one(id) + "/state"), { state })),
    order: (ids) => {
      // Shown at once; the server's order follows.
      client.setQueryData<Rule[]>(["rules", app, "list"], (list) => list && [...list].sort((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id)));
      return after(sendJson("PUT", of(app, "/order"), { rules: ids }));
    },
    drop: (id) => after(remove(of(app, one(id)))),
    revert: (id, version, state) => after(sendJson<Rule>("POST", of(app, one(id) + "/revert"), { version, state })),
  };
}
