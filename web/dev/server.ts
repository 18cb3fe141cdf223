import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin } from "vite";
import { Mock } from "./mock.ts";

/** Serves the console API of the sample data in `npm run dev` and `vite preview`. */
export function mockServer(): Plugin {
  let mock: Mock | undefined;
  let empty: Mock | undefined;
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      mock ??= new Mock();
      empty ??= new Mock({ calls: 0, rate: 0 });
      const sent = parts.length ? (JSON.parse(Buffer.concat(parts).toString()) as unknown) : undefined;
      // The cookie "mock=empty" shows the console of a server that has no calls yet.
      const source = request.headers.cookie?.includes("mock=empty") ? empty : mock;
      const { status, body, type } = source.answer(request.method ?? "GET", "/api/v1" + (request.url ?? "/"), sent);
      response.writeHead(status, { "Content-Type": type ?? "application/json" }).end(type ? (body as string) : JSON.stringify(body));
    });
  };
  return {
    name: "gatemeter-mock",
    configureServer: (server) => void server.middlewares.use("/api/v1", answer),
    configurePreviewServer: (server) => void server.middlewares.use("/api/v1", answer),
  };
}
