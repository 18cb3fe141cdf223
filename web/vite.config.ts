import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { mockServer } from "./dev/server.ts";

// `npm run dev` talks to the platform at GATEMETER_URL, or, without it, to the
// sample data of dev/.
const platform = process.env.GATEMETER_URL;

export default defineConfig({
  plugins: [react(), ...(platform ? [] : [mockServer()])],
  build: {
    outDir: "site/console",
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 700,
  },
  server: platform ? { proxy: { "/api": platform, "/v1": platform } } : {},
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["dev/setup.ts"],
    css: false,
    testTimeout: 15_000,
  },
});
