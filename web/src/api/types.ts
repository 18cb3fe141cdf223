// The words of the console API (/api/v1), as its OpenAPI document has them (make
// generate). Events are in the wire form of the collector (Moesif wire, 2.2).
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Session = Schemas["Session"];
export type Right = components["schemas"]["TokenScope"]["scope"];
export type App = Schemas["App"];
export type Person = Schemas["Person"];
export type Invitation = Schemas["Invitation"];
export type NewInvitation = Schemas["NewInvitation"];
export type Token = Schemas["Token"];
export type NewToken = Schemas["NewToken"];
export type TokenScope = Schemas["TokenScope"];
export type AuditEntry = Schemas["AuditEntry"];
/** The books of one application: received = stored + duplicate + Σ rejected + Σ dropped + in_flight. */
export type Books = Schemas["Balance"];

export type HeaderMap = Record<string, string | string[]>;
export type WireEvent = Omit<Schemas["WireEvent"], "request" | "response"> & {
  request: Omit<Schemas["WireRequest"], "headers"> & { headers?: HeaderMap };
  response?: Omit<Schemas["WireResponse"], "headers"> & { headers?: HeaderMap };
};
export type WireMessage = Pick<WireEvent["request"], "time" | "headers" | "body" | "transfer_encoding" | "ip_address" | "content_length">;
export type EventPage = Omit<Schemas["EventsAnswerBody"], "events"> & { events: WireEvent[] };

export type ExportPreview = Schemas["ExportPreviewBody"];
export type Erasure = Schemas["Erasure"];
export type ErasurePreview = Schemas["ErasurePreview"];

export type Point = Schemas["Point"];
export type SeriesGroup = Schemas["Group"];
export type Series = Schemas["SeriesAnswerBody"];
export type Totals = Schemas["Total"];
export type TopRow = Schemas["Row"];
export type Top = Schemas["TopAnswerBody"];

export type CompanyRow = Schemas["Company"];
export type UserRow = Schemas["User"];
export type CustomerRow = Omit<CompanyRow, "company_id" | "domain" | "users">;
/** Of a company or of a user: the fields that the other has not are absent. */
export type Profile = Partial<Schemas["CompanyProfile"]> & Partial<Schemas["UserProfile"]>;

export type GroupBy = "company" | "user" | "route" | "status" | "verb";
export type CustomerKind = "companies" | "users";
export type CustomerSort = "calls" | "-last_seen" | "last_seen" | "errors" | "p95_ms" | "name";

export type Question = Schemas["Question"];
export type QuestionFilter = Schemas["QuestionFilter"];
export type QuestionStep = Schemas["QuestionStep"];
export type QuestionAnswer = Schemas["QuestionAnswer"];
export type AnalysisAnswer = Schemas["AnalysisAnswer"];
export type FunnelAnswer = Schemas["FunnelAnswer"];
export type RetentionAnswer = Schemas["RetentionAnswer"];
export type QuestionFields = Schemas["FieldsAnswerBody"];
export type SavedChart = Schemas["SavedChart"];
export type Dashboard = Schemas["Dashboard"];
export type Tile = Schemas["Tile"];
export type EmbedDraft = Schemas["EmbedDraft"];
export type EmbedToken = Schemas["EmbedToken"];
export type Embedded = Schemas["EmbeddedAnswerBody"];
