// An OpenID Connect issuer at which everybody is the same person, and a platform
// that people sign in to through it.
import { spawn } from "node:child_process";
import { createHash, createSign, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binary, freePort } from "./demo.mjs";

/** Starts an issuer; whoever comes is claims, { sub, email, email_verified }. */
export async function startIssuer() {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const issuer = { url: "", claims: {} };
  let asked = new URLSearchParams();
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const idToken = () => {
    const now = Math.floor(Date.now() / 1000);
    const text = `${part({ alg: "RS256", kid: "1" })}.${part({ iss: issuer.url, aud: "gatemeter", iat: now, exp: now + 300, nonce: asked.get("nonce"), ...issuer.claims })}`;
    return `${text}.${createSign("RSA-SHA256").update(text).sign(privateKey, "base64url")}`;
  };
  const server = createServer((request, response) => {
    const url = new URL(request.url, issuer.url);
    const json = (value, status = 200) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    if (url.pathname === "/.well-known/openid-configuration") {
      json({
        issuer: issuer.url, authorization_endpoint: issuer.url + "/auth", token_endpoint: issuer.url + "/token", jwks_uri: issuer.url + "/keys",
        id_token_signing_alg_values_supported: ["RS256"],
      });
    } else if (url.pathname === "/keys") {
      json({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "1", alg: "RS256", use: "sig" }] });
    } else if (url.pathname === "/auth") {
      asked = url.searchParams;
      response.writeHead(302, { location: `${asked.get("redirect_uri")}?code=one&state=${asked.get("state")}` }).end();
    } else {
      let body = "";
      request.on("data", (chunk) => (body += chunk));
      request.on("end", () => {
        const verifier = new URLSearchParams(body).get("code_verifier") ?? "";
        const proven = createHash("sha256").update(verifier).digest("base64url") === asked.get("code_challenge");
        json(proven ? { access_token: "a", token_type: "Bearer", id_token: idToken() } : { error: "invalid_grant" }, proven ? 200 : 400);
      });
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  issuer.url = `http://127.0.0.1:${server.address().port}`;
  issuer.stop = () => new Promise((resolve) => server.close(resolve));
  return issuer;
}

/** Starts a platform; more is added to its command line. */
export async function startPlatform(...more) {
  const folder = mkdtempSync(join(tmpdir(), "gatemeter-e2e-"));
  const url = `http://127.0.0.1:${await freePort()}`;
  const child = spawn(binary, ["platform", "--data", join(folder, "data"), "--listen", url.slice("http://".length), ...more], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise((resolve) => child.once("close", (code) => resolve(code)));
  let out = "";
  await new Promise((resolve, reject) => {
    child.stderr.on("data", (chunk) => {
      out += chunk;
      if (out.includes("the platform listens")) resolve();
    });
    ended.then((code) => reject(new Error(`the platform ended with ${code}:\n${out}`)));
  });
  return {
    url,
    signIn: /http\S+token=\w+/.exec(out)[0],
    async stop() {
      child.kill("SIGTERM");
      const code = await ended;
      rmSync(folder, { recursive: true, force: true });
      return code;
    },
  };
}
