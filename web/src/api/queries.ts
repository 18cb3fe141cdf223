import { keepPreviousData, QueryClient, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import type { Filters } from "../url/filters";
import { apiParams } from "../url/filters";
import { refreshEvery, spanBefore, spanOf, type Range, type Span } from "../url/range";
import { ApiError, getJson, getText } from "./client";
import type { App, Books, CompanyRow, CustomerKind, CustomerSort, EventPage, GroupBy, Profile, Series, Session, Top, UserRow } from "./types";

/** Tries again what may pass by itself: a lost connection and a server in trouble. */
export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        networkMode: "always",
        staleTime: 2_000,
        retry: (failures, error) => failures < 3 && (!(error instanceof ApiError) || error.status === 0 || error.status >= 500),
        retryDelay: (failures) => Math.min(500 * 2 ** failures, 8_000),
      },
    },
  });
}

// While a request fails for good the page keeps asking at this pace, so that it
// recovers without a reload.
const whileFailing = 5_000;

export const sessionKey = ["session"];

export function useSession() {
  return useQuery({
    queryKey: sessionKey,
    queryFn: ({ signal }) => getJson<Session>("/session", {}, signal),
    staleTime: 60_000,
    refetchInterval: (query) => (query.state.status === "error" ? whileFailing : false),
  });
}

export function useApps() {
  return useQuery({
    queryKey: ["apps"],
    queryFn: async ({ signal }) => (await getJson<{ apps: App[] }>("/apps", {}, signal)).apps,
    staleTime: 60_000,
    refetchInterval: (query) => (query.state.status === "error" ? whileFailing : false),
  });
}

export function usePipeline() {
  return useQuery({
    queryKey: ["pipeline"],
    queryFn: async ({ signal }) => (await getJson<{ apps: Books[] }>("/pipeline", {}, signal)).apps,
    refetchInterval: 2_000,
  });
}

export interface UsageQuestion {
  app: string;
  filters: Filters;
  range: Range;
  by?: GroupBy;
}

function params(q: UsageQuestion, span: Span) {
  return { app: q.app, ...span, by: q.by, ...apiParams(q.filters) };
}

export function useSeries(q: UsageQuestion, groups = 8) {
  const asked = { ...params(q, spanOf(q.range)), groups };
  return useQuery({
    queryKey: ["series", asked],
    queryFn: ({ signal }) => getJson<Series>("/usage/series", asked, signal),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => refreshEvery(q.range, state.data?.groups.every((group) => group.calls === 0)),
  });
}

/** The same question about the span before, without groups. */
export function useSeriesBefore(q: UsageQuestion, enabled: boolean) {
  const asked = { ...params(q, spanBefore(q.range)), by: undefined };
  return useQuery({
    queryKey: ["series", asked],
    queryFn: ({ signal }) => getJson<Series>("/usage/series", asked, signal),
    enabled,
    refetchInterval: refreshEvery(q.range),
  });
}

export function useTop(q: UsageQuestion, limit = 100) {
  const asked = { ...params(q, spanOf(q.range)), limit };
  return useQuery({
    queryKey: ["top", asked],
    queryFn: ({ signal }) => getJson<Top>("/usage/top", asked, signal),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => refreshEvery(q.range, state.data?.total.calls === 0),
  });
}

/** The same question about the span before, to compare with. */
export function useTopBefore(q: UsageQuestion, limit = 1000) {
  const asked = { ...params(q, spanBefore(q.range)), limit };
  return useQuery({
    queryKey: ["top", asked],
    queryFn: ({ signal }) => getJson<Top>("/usage/top", asked, signal),
    placeholderData: keepPreviousData,
    refetchInterval: refreshEvery(q.range),
  });
}

/** The values a field has had lately, the most frequent first. */
export function useFieldValues(app: string, by: GroupBy, filters: Filters, enabled: boolean) {
  const asked = { app, from: "-7d", to: "now", by, limit: 50, ...apiParams({ ...filters, [by]: undefined }) };
  return useQuery({
    queryKey: ["values", asked],
    queryFn: async ({ signal }) => (await getJson<Top>("/usage/top", asked, signal)).rows,
    enabled,
    staleTime: 30_000,
  });
}

export interface CustomersQuestion {
  app: string;
  kind: CustomerKind;
  range: Range;
  q: string;
  sort: CustomerSort;
  company?: string;
}

interface CustomerPage {
  companies?: CompanyRow[];
  users?: UserRow[];
  next: string;
}

export function useCustomers(q: CustomersQuestion) {
  const asked = { app: q.app, ...spanOf(q.range), q: q.q, sort: q.sort, company_id: q.company, limit: 100 };
  return useInfiniteQuery({
    queryKey: [q.kind, asked],
    queryFn: ({ pageParam, signal }) => getJson<CustomerPage>("/" + q.kind, { ...asked, cursor: pageParam }, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next || undefined,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => refreshEvery(q.range, state.data?.pages.every((page) => !page[q.kind]?.length)),
  });
}

export function useProfile(app: string, kind: CustomerKind, id: string) {
  return useQuery({
    queryKey: ["profile", app, kind, id],
    queryFn: ({ signal }) => getJson<Profile>(`/${kind}/${encodeURIComponent(id)}`, { app }, signal),
    refetchInterval: 15_000,
  });
}

/** The newest calls, as a list shows them. */
export function useRecentCalls(q: UsageQuestion, limit: number) {
  const asked = { app: q.app, ...spanOf(q.range), ...apiParams(q.filters), limit, brief: "true" };
  return useQuery({
    queryKey: ["recent", asked],
    queryFn: async ({ signal }) => (await getJson<EventPage>("/events", asked, signal)).events,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => refreshEvery(q.range, state.data?.length === 0),
  });
}

/** One whole call, as the bytes the server sent. */
export function useCall(app: string, id: string) {
  return useQuery({
    queryKey: ["call", app, id],
    queryFn: ({ signal }) => getText("/events/" + encodeURIComponent(id), { app }, signal),
    staleTime: Infinity,
    refetchInterval: (query) => (query.state.status === "error" ? whileFailing : false),
  });
}
