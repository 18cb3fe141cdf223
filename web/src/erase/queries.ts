import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getJson, getText, sendJson } from "../api/client";
import type { App, Erasure, ErasurePreview } from "../api/types";

export type Kind = "user" | "company";

const of = (app: App) => "?app=" + encodeURIComponent(app.id);

/** Past erasures, newest first; looked at often while one goes on. */
export function useErasures(app: App) {
  return useQuery({
    queryKey: ["erasures", app.id],
    queryFn: async ({ signal }) => (await getJson<{ erasures: Erasure[] }>("/erasures", { app: app.id }, signal)).erasures,
    refetchInterval: (query) => (query.state.data?.some((one) => !one.done_at) ? 1_000 : 15_000),
  });
}

/** What an erasure would delete now. */
export function useErasable(app: App, kind: Kind, id: string) {
  return useQuery({
    queryKey: ["erasable", app.id, kind, id],
    queryFn: ({ signal }) => getJson<ErasurePreview>("/erasures/preview", { app: app.id, kind, id }, signal),
    staleTime: 0,
  });
}

export function useErase(app: App) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (who: { kind: Kind; id: string }) => sendJson<Erasure>("POST", "/erasures" + of(app), who),
    onSettled: () => Promise.all(["erasures", "audit"].map((key) => client.invalidateQueries({ queryKey: [key] }))),
  });
}

/** The receipt, as the bytes the server sent. */
export function useReceipt(app: App, id: string, enabled: boolean) {
  return useQuery({
    queryKey: ["receipt", app.id, id],
    queryFn: ({ signal }) => getText(`/erasures/${encodeURIComponent(id)}/receipt`, { app: app.id }, signal),
    enabled,
    staleTime: Infinity,
  });
}
