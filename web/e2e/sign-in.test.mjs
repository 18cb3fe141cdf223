// Signing in through an OpenID Connect issuer, in a real browser: the session's
// cookie has to survive the way back from another site.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startBrowser } from "./demo.mjs";
import { startIssuer, startPlatform } from "./issuer.mjs";

let issuer, platform, browser;

async function person() {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(15_000);
  return page;
}

before(async () => {
  issuer = await startIssuer();
  platform = await startPlatform("--oidc-issuer", issuer.url, "--oidc-client-id", "gatemeter", "--oidc-domains", "shop.example", "--oidc-default-role", "analyst");
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  if (platform) assert.equal(await platform.stop(), 0, "the platform ends cleanly");
  await issuer?.stop();
});

const sso = (page) => page.getByRole("link", { name: "Sign in with single sign-on" });

test("the first person does not come through the issuer", async () => {
  issuer.claims = { sub: "1", email: "eve@shop.example", email_verified: true };
  const page = await person();
  await page.goto(platform.url);
  await sso(page).click();
  await page.getByRole("alert").getByText("the first person signs in with the one-time token").waitFor();

  await page.goto(platform.signIn);
  await page.getByRole("textbox", { name: "E-mail" }).fill("ada@shop.example");
  await page.getByLabel("New password", { exact: true }).fill("correct horse battery");
  await page.getByRole("button", { name: "Save and continue" }).click();
  await page.getByRole("link", { name: "Live", exact: true }).waitFor();
});

test("somebody of an allowed domain comes in, with the default role", async () => {
  issuer.claims = { sub: "2", email: "bob@shop.example", email_verified: true };
  const page = await person();
  await page.goto(platform.url);
  await sso(page).click();
  await page.getByRole("link", { name: "Live", exact: true }).waitFor();
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByText("bob@shop.example · analyst").waitFor();
  await page.reload();
  await page.getByRole("link", { name: "Live", exact: true }).waitFor();
});

test("a stranger is told why not", async () => {
  issuer.claims = { sub: "3", email: "eve@evil.example", email_verified: true };
  const page = await person();
  await page.goto(platform.url);
  await sso(page).click();
  await page.getByRole("alert").getByText("Nobody with your e-mail address was invited").waitFor();
  assert.equal((await page.request.get(platform.url + "/api/v1/apps")).status(), 401);
});
