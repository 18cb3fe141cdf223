// Starts the real gatemeter demo, without traffic, and a real browser for it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { chromium } from "playwright-core";

export const binary = new URL("../../bin/gatemeter", import.meta.url).pathname;

/** @returns {Promise<number>} a port nobody listens on at the moment */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Starts the demo and waits until it has told where everything is. */
export async function startDemo() {
  if (!existsSync(binary)) throw new Error("bin/gatemeter is not built: run make build");
  const folder = mkdtempSync(join(tmpdir(), "gatemeter-e2e-"));
  const [platform, gateway] = [await freePort(), await freePort()];
  const child = spawn(
    binary,
    ["demo", "--no-traffic", "--data", join(folder, "data"), "--listen", `127.0.0.1:${platform}`, "-p", `${gateway}`],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const ended = new Promise((resolve) => child.once("close", (code) => resolve(code)));
  let out = "";
  const ready = new Promise((resolve, reject) => {
    const read = (chunk) => {
      out += chunk;
      if (out.includes("Ctrl-C stops everything.")) resolve();
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    ended.then((code) => reject(new Error(`the demo ended with ${code}:\n${out}`)));
  });
  await ready;
  return {
    signIn: /console +(\S+)/.exec(out)[1],
    platform: `http://127.0.0.1:${platform}`,
    gateway: `http://127.0.0.1:${gateway}`,
    applicationId: /app id +(\S+)/.exec(out)[1],
    /** @returns {Promise<number>} the exit code */
    async stop() {
      child.kill("SIGTERM");
      const code = await ended;
      rmSync(folder, { recursive: true, force: true });
      return code;
    },
  };
}

/**
 * Waits until what is shown there matches: the answer before stays in sight while
 * the next one is asked for, so that a text read once may be of the wrong one.
 */
export async function reads(locator, pattern, patience = 15_000) {
  for (const end = Date.now() + patience; ; await wait(50)) {
    const text = await locator.innerText();
    if (pattern.test(text)) return;
    if (Date.now() > end) assert.match(text, pattern);
  }
}

/** Starts the Chromium that is installed, headless, with nothing of its own on the network. */
export function startBrowser() {
  const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));
  if (!executablePath) throw new Error("no Chromium found: install it (on Debian: apt-get install chromium)");
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}
