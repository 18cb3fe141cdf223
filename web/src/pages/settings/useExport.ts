import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { addressOf, ApiError, getJson, openFile } from "../../api/client";
import type { App, ExportPreview } from "../../api/types";
import { download } from "../../format/csv";
import { fileName, keeps, paramsOf, receive, type Wanted } from "./export";

/** What the file would hold. */
export function useExportPreview(app: App, wanted: Wanted) {
  const asked = paramsOf(app, wanted);
  return useQuery({
    queryKey: ["export", asked],
    queryFn: ({ signal }) => getJson<ExportPreview>("/events/export/preview", asked, signal),
    staleTime: 10_000,
  });
}

export type Run =
  | { state: "none" }
  | { state: "writing" } // the server puts the file together
  | { state: "receiving"; bytes: number }
  | { state: "done"; name: string; bytes: number }
  | { state: "browser" } // the browser does it, and shows it
  | { state: "failed"; message: string };

/** Downloads an export; leaving the page ends it. */
export function useExport(app: App) {
  const [run, setRun] = useState<Run>({ state: "none" });
  const going = useRef<AbortController>(undefined);
  useEffect(() => () => going.current?.abort(), []);

  const start = async (wanted: Wanted, about: number) => {
    going.current?.abort();
    const asked = paramsOf(app, wanted);
    if (about > keeps) {
      const link = document.createElement("a");
      link.href = addressOf("/events/export", asked);
      link.download = fileName(app, wanted, new Date());
      link.click();
      setRun({ state: "browser" });
      return;
    }
    const mine = new AbortController();
    going.current = mine;
    setRun({ state: "writing" });
    try {
      const file = await receive(await openFile("/events/export", asked, mine.signal), (bytes) => setRun({ state: "receiving", bytes }));
      const name = fileName(app, wanted, new Date());
      download(name, file);
      setRun({ state: "done", name, bytes: file.size });
    } catch (error) {
      if (mine.signal.aborted) return;
      setRun({ state: "failed", message: error instanceof ApiError ? error.message : "The connection was cut, so the file is not whole and was thrown away." });
    }
  };
  const cancel = () => {
    going.current?.abort();
    setRun({ state: "none" });
  };
  return { run, start, cancel };
}
