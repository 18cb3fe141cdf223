import type { App, ExportPreview } from "../../api/types";
import { bytes, count } from "../../format/number";
import { apiParams, fields, isEmpty, labels, type Filters } from "../../url/filters";
import { rangeLabel, spanOf, type Range } from "../../url/range";

export const formats = ["ndjson", "csv", "parquet"] as const;
export type Format = (typeof formats)[number];

export const formatNames: Record<Format, string> = { ndjson: "NDJSON", csv: "CSV", parquet: "Parquet" };

/** What a format is good for. */
export const formatMeans: Record<Format, string> = {
  ndjson: "A call in each line, newest first, as a collector takes it: it can be sent to one again.",
  csv: "A column for each field, oldest first. A cell that begins with = is a formula to some spreadsheets.",
  parquet: "Typed columns, oldest first, for DuckDB, pandas, Spark and the like. The smallest file.",
};

/** What is asked for, as the address holds it. */
export interface Wanted {
  format: Format;
  bodies: boolean;
  range: Range;
  filters: Filters;
}

/** A file that is likely to be longer is not held in the page: the browser writes it by itself. */
export const keeps = 200e6;

export function formatOf(query: URLSearchParams): Format {
  return formats.find((one) => one === query.get("format")) ?? "ndjson";
}

/** The parameters of the API. */
export function paramsOf(app: App, w: Wanted): Record<string, string | undefined> {
  return { app: app.id, ...spanOf(w.range), ...apiParams(w.filters), format: w.format, bodies: w.bodies ? "true" : undefined };
}

/** "calls of Production with status 4xx and errors only" */
export function whichCalls(app: App, filters: Filters): string {
  if (isEmpty(filters)) return `all calls of ${app.name}`;
  const words = fields.filter((field) => filters[field]).map((field) => `${labels[field].toLowerCase()} ${filters[field] ?? ""}`);
  if (filters.q) words.push(`the text “${filters.q}”`);
  return `${filters.errors ? "failed calls" : "calls"} of ${app.name}${words.length ? " with " + words.join(", ") : ""}`;
}

/** What the file will hold: one sentence. */
export function sentence(app: App, w: Wanted, preview: ExportPreview): string {
  return `${count(preview.events)} ${preview.events === 1 ? "call" : "calls"}: ${whichCalls(app, w.filters)}, ${rangeLabel(w.range).replace(/^Last/, "last")}, ${w.bodies ? "with" : "without"} bodies. About ${bytes(preview.bytes)} of ${formatNames[w.format]}.`;
}

/** Why there is nothing to be downloaded; undefined when there is. */
export function fault(w: Wanted, preview: ExportPreview): string | undefined {
  if (preview.events === 0) return "No call passes this filter in this span of time.";
  if (preview.most > 0 && preview.events > preview.most) {
    return `These are ${count(preview.events)} calls, and a ${formatNames[w.format]} file holds ${count(preview.most)} at most: choose a shorter span of time, or NDJSON.`;
  }
  return undefined;
}

export function fileName(app: App, w: Wanted, now: Date): string {
  const name = app.name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "calls";
  return `${name}-calls-${now.toISOString().slice(0, 10)}.${w.format}`;
}

// So much is handed to the browser at a time, which may put it on its disk.
const piece = 8 << 20;

/** Reads a file to its end; a cut connection is an error. */
export async function receive(response: Response, onBytes: (sofar: number) => void): Promise<Blob> {
  const type = response.headers.get("Content-Type") ?? "";
  const reader = response.body?.getReader();
  if (!reader) return response.blob();
  const pieces: Blob[] = [];
  let parts: BlobPart[] = [];
  let [sofar, waiting] = [0, 0];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    sofar += value.byteLength;
    waiting += value.byteLength;
    if (waiting >= piece) {
      pieces.push(new Blob(parts));
      [parts, waiting] = [[], 0];
    }
    onBytes(sofar);
  }
  return new Blob([...pieces, ...parts], { type });
}
