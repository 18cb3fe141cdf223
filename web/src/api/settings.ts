import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getJson } from "./client";
import type { AuditEntry, Invitation, Person, Token, TokenScope } from "./types";

// While a request fails the page keeps asking at this pace.
const whileFailing = 5_000;

export function usePeople() {
  return useQuery({
    queryKey: ["people"],
    queryFn: ({ signal }) => getJson<{ people: Person[]; invitations: Invitation[] }>("/people", {}, signal),
    refetchInterval: (query) => (query.state.status === "error" ? whileFailing : 30_000),
  });
}

export function useTokens() {
  return useQuery({
    queryKey: ["tokens"],
    queryFn: ({ signal }) => getJson<{ tokens: Token[]; scopes: TokenScope[] }>("/tokens", {}, signal),
    refetchInterval: (query) => (query.state.status === "error" ? whileFailing : 30_000),
  });
}

export function useAudit(who: string) {
  return useInfiniteQuery({
    queryKey: ["audit", who],
    queryFn: ({ pageParam, signal }) => getJson<{ entries: AuditEntry[]; next: string; kept_days: number }>("/audit", { who, limit: 50, cursor: pageParam }, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next || undefined,
    refetchInterval: (query) => (query.state.status === "error" ? whileFailing : false),
  });
}

/** A change, after which what is shown of these kinds is asked for again. */
export function useChange<In, Out>(change: (input: In) => Promise<Out>, ...kinds: ("apps" | "people" | "tokens")[]) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    // Also after a failure: somebody else may have been faster.
    onSettled: () => Promise.all([...kinds, "audit"].map((kind) => client.invalidateQueries({ queryKey: [kind] }))),
  });
}
