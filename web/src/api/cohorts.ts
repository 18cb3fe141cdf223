// What is asked about cohorts, and what is told to change them.
import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getJson, remove, sendJson } from "./client";
import type { components } from "./schema";
import type { CustomerKind } from "./types";

type Schemas = components["schemas"];
export type Cohort = Schemas["Cohort"];
export type CohortDraft = Schemas["CohortDraft"];
export type CohortKind = Cohort["kind"];
export type Criteria = Schemas["Criteria"];
export type Condition = Schemas["CohortCondition"];
export type UsageCondition = Schemas["UsageCondition"];
export type AttributeCondition = Schemas["AttributeCondition"];
export type Member = Schemas["CohortMember"];
export type Change = Schemas["CohortChange"];
export type Standing = Schemas["Standing"];
export type Subscription = Schemas["Subscription"];
export type Preview = Schemas["PreviewAnswerBody"];
type MembersPage = Schemas["MembersAnswerBody"];
type ChangesPage = Schemas["ChangesAnswerBody"];

// Members are found every few seconds; a page that shows them asks as often.
const live = 5_000;

export function useCohorts(app: string) {
  return useQuery({
    queryKey: ["cohorts", app],
    queryFn: async ({ signal }) => (await getJson<{ cohorts: Cohort[] }>("/cohorts", { app }, signal)).cohorts,
    refetchInterval: live,
  });
}

export function useCohort(app: string, id: string, watch = true) {
  return useQuery({
    queryKey: ["cohort", app, id],
    queryFn: ({ signal }) => getJson<Cohort>("/cohorts/" + encodeURIComponent(id), { app }, signal),
    refetchInterval: watch && live,
  });
}

export function useMembers(app: string, id: string) {
  return useInfiniteQuery({
    queryKey: ["cohort-members", app, id],
    queryFn: ({ pageParam, signal }) => getJson<MembersPage>(`/cohorts/${encodeURIComponent(id)}/members`, { app, limit: 50, cursor: pageParam }, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next || undefined,
    refetchInterval: live,
  });
}

/** Who entered and left: a cohort, a customer's cohorts, or all of them. */
export function useChanges(app: string, of: { cohort?: string; user_id?: string; company_id?: string }, limit = 30) {
  return useInfiniteQuery({
    queryKey: ["cohort-changes", app, of, limit],
    queryFn: ({ pageParam, signal }) => getJson<ChangesPage>("/cohorts/changes", { app, ...of, limit, cursor: pageParam }, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next || undefined,
    refetchInterval: live,
  });
}

/** Who would be in; undefined criteria are not complete yet and are not asked about. */
export function usePreview(app: string, kind: CohortKind, criteria: Criteria | undefined) {
  return useQuery({
    queryKey: ["cohort-preview", app, kind, criteria],
    queryFn: () => sendJson<Preview>("POST", "/cohorts/preview?app=" + encodeURIComponent(app), { kind, criteria }),
    enabled: criteria !== undefined,
    placeholderData: keepPreviousData,
    retry: false,
  });
}

/** The fields that criteria can look at. */
export function useProfileFields(app: string, kind: CohortKind) {
  return useQuery({
    queryKey: ["cohort-fields", app, kind],
    queryFn: async ({ signal }) => (await getJson<{ fields: string[] }>("/cohorts/fields", { app, kind }, signal)).fields,
    staleTime: 60_000,
  });
}

export function useSaveCohort(app: string, id: string | undefined) {
  const client = useQueryClient();
  const where = "?app=" + encodeURIComponent(app);
  return useMutation({
    mutationFn: (draft: CohortDraft) =>
      id === undefined ? sendJson<Cohort>("POST", "/cohorts" + where, draft) : sendJson<Cohort>("PUT", `/cohorts/${encodeURIComponent(id)}${where}`, draft),
    onSuccess: (saved) => {
      client.setQueryData(["cohort", app, saved.id], saved);
      for (const key of ["cohorts", "cohort-members", "cohort-changes"]) void client.invalidateQueries({ queryKey: [key, app] });
    },
  });
}

export function useDeleteCohort(app: string, id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => remove(`/cohorts/${encodeURIComponent(id)}?app=${encodeURIComponent(app)}`),
    onSuccess: () => {
      client.removeQueries({ queryKey: ["cohort", app, id] });
      void client.invalidateQueries({ queryKey: ["cohorts", app] });
    },
  });
}

/** The cohorts a customer is in, and the rules that apply to it. */
export function useStanding(app: string, kind: CustomerKind, id: string) {
  return useQuery({
    queryKey: ["standing", app, kind, id],
    queryFn: ({ signal }) => getJson<Standing>(`/${kind}/${encodeURIComponent(id)}/standing`, { app }, signal),
    refetchInterval: 15_000,
  });
}

export function useSubscriptions(app: string, company: string, enabled: boolean) {
  return useQuery({
    queryKey: ["subscriptions", app, company],
    queryFn: async ({ signal }) => (await getJson<{ subscriptions: Subscription[] }>(`/companies/${encodeURIComponent(company)}/subscriptions`, { app }, signal)).subscriptions,
    enabled,
    refetchInterval: 30_000,
  });
}
