import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getJson, remove, sendJson } from "../../api/client";
import type { Dashboard, EmbedDraft, EmbedToken, Question, QuestionAnswer, QuestionFields, SavedChart } from "../../api/types";
import { refreshEvery } from "../../url/range";
import { isNothing, rangeOf, whole } from "./question";

export function useAnswer(app: string, question: Question) {
  const asked = { app, question: JSON.stringify(whole(question)) };
  return useQuery({
    queryKey: ["answer", asked],
    queryFn: ({ signal }) => getJson<QuestionAnswer>("/analytics", asked, signal),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => refreshEvery(rangeOf(question), state.data && isNothing(state.data)),
  });
}

export function useFields() {
  return useQuery({
    queryKey: ["fields"],
    queryFn: ({ signal }) => getJson<QuestionFields>("/analytics/fields", {}, signal),
    staleTime: Infinity,
  });
}

/** The values a field has had lately, the most frequent first. */
export function useValues(app: string, field: string, enabled: boolean) {
  const asked = { app, question: JSON.stringify({ kind: "analysis", from: "-7d", groups: [field], limit: 50 }) };
  return useQuery({
    queryKey: ["answer", asked],
    queryFn: ({ signal }) => getJson<QuestionAnswer>("/analytics", asked, signal),
    enabled: enabled && field !== "",
    staleTime: 60_000,
    retry: false,
    select: (answer) => (answer.analysis?.lines ?? []).map((line) => line.keys[0] ?? "").filter(Boolean),
  });
}

export function useCharts(app: string) {
  return useQuery({
    queryKey: ["charts", app],
    queryFn: async ({ signal }) => (await getJson<{ charts: SavedChart[] }>("/charts", { app }, signal)).charts,
  });
}

export function useDashboards(app: string) {
  return useQuery({
    queryKey: ["dashboards", app],
    queryFn: async ({ signal }) => (await getJson<{ dashboards: Dashboard[] }>("/dashboards", { app }, signal)).dashboards,
  });
}

type Draft<T> = Omit<T, "id" | "mine" | "created_at" | "updated_at"> & { id?: string };

function useSave<T>(app: string, what: "charts" | "dashboards") {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, ...body }: Draft<T>) => {
      const of = `?app=${encodeURIComponent(app)}`;
      return id ? sendJson<T>("PUT", `/${what}/${id}${of}`, body) : sendJson<T>("POST", `/${what}${of}`, body);
    },
    onSettled: () => client.invalidateQueries({ queryKey: [what, app] }),
  });
}

export function useSaveChart(app: string) {
  return useSave<SavedChart>(app, "charts");
}

export function useSaveDashboard(app: string) {
  return useSave<Dashboard>(app, "dashboards");
}

export function useDelete(app: string, what: "charts" | "dashboards") {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => remove(`/${what}/${id}?app=${encodeURIComponent(app)}`),
    onSettled: () => client.invalidateQueries({ queryKey: [what, app] }),
  });
}

export function useEmbedToken(app: string) {
  return useMutation({ mutationFn: (draft: EmbedDraft) => sendJson<EmbedToken>("POST", `/embeds?app=${encodeURIComponent(app)}`, draft) });
}
