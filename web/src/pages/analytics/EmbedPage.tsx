import { MantineProvider } from "@mantine/core";
import { QueryClientProvider, useQuery, type QueryClient } from "@tanstack/react-query";
import { getWith } from "../../api/client";
import type { Embedded, QuestionAnswer } from "../../api/types";
import { theme } from "../../ui/theme";
import { AnswerView } from "./AnswerView";
import { tileHeight } from "./DashboardPage";
import type { ChartKind } from "./question";
import css from "./analytics.module.css";

/** What a token shows, for those who are not signed in. */
export default function EmbedPage({ client, token }: { client: QueryClient; token: string }) {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <QueryClientProvider client={client}><Shown token={token} /></QueryClientProvider>
    </MantineProvider>
  );
}

function useEmbedded<T>(token: string, path: string) {
  return useQuery({
    queryKey: ["embed", token, path],
    queryFn: ({ signal }) => getWith<T>(path, { "X-Gatemeter-Embed": token }, signal),
    refetchInterval: (query) => (query.state.status === "error" ? false : 60_000),
  });
}

function Shown({ token }: { token: string }) {
  const shown = useEmbedded<Embedded>(token, "/embed");
  if (!shown.data) {
    return (
      <main className={css.embed}>
        {shown.error ? <p className={css.nothing} role="alert">{shown.error.message}</p> : <p className={css.nothing} role="status">Loading…</p>}
      </main>
    );
  }
  const alone = shown.data.charts.length === 1;
  return (
    <main className={css.embed}>
      <h1>{shown.data.title}</h1>
      {shown.data.charts.length === 0 && <p className={css.nothing}>There are no charts here.</p>}
      <div className={css.grid}>
        {shown.data.charts.map((chart) => (
          <section key={chart.id} className={`panel ${css.tile}`} style={{ gridColumn: `span ${chart.width}` }} aria-label={chart.name}>
            {!alone && <header><h2>{chart.name}</h2></header>}
            <Body token={token} chart={chart} brief={!alone} />
          </section>
        ))}
      </div>
    </main>
  );
}

function Body({ token, chart, brief }: { token: string; chart: Embedded["charts"][number]; brief: boolean }) {
  const answer = useEmbedded<QuestionAnswer>(token, "/embed/data?chart=" + encodeURIComponent(chart.id));
  if (!answer.data) return <p className={css.nothing} role={answer.error ? "alert" : "status"}>{answer.error?.message ?? "Loading…"}</p>;
  const height = tileHeight(chart.height);
  return <div className={css.tileBody} style={brief ? { maxHeight: height } : undefined}><AnswerView answer={answer.data} chart={(chart.chart || "line") as ChartKind} by={chart.by} height={height - 40} brief={brief} /></div>;
}
