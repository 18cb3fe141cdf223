// The console as a person uses it: the real binary, a real browser, a call made
// while they look.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { reads, startBrowser, startDemo } from "./demo.mjs";

// A call shows within three seconds; a busy machine may take a little longer.
const shows = 5000;

let demo, browser, page;
const complaints = [];

before(async () => {
  demo = await startDemo();
  browser = await startBrowser();
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  context.setDefaultTimeout(10_000);
  page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
});

after(async () => {
  await browser?.close();
  if (demo) assert.equal(await demo.stop(), 0, "the demo ends cleanly");
});

const link = (name) => page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name, exact: true });

/** Calls the gateway as a customer would. */
async function call(path, user, init = {}) {
  const authorization = "Basic " + Buffer.from(`${user}:x`).toString("base64");
  const answer = await fetch(demo.gateway + path, { ...init, headers: { authorization, "content-type": "application/json" } });
  await answer.arrayBuffer();
  return answer.status;
}

test("the console is closed until signed in", async () => {
  for (const path of ["/api/v1/events", "/api/v1/apps", "/api/v1/usage/top?by=user"]) {
    assert.equal((await fetch(demo.platform + path)).status, 401, path);
  }
  await page.goto(demo.platform);
  await page.getByRole("form", { name: "Sign in" }).waitFor();
});

test("the printed link signs in, once", async () => {
  await page.goto(demo.signIn);
  await page.getByRole("heading", { name: "You are in" }).waitFor();
  const again = await fetch(demo.platform + "/api/v1/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token: /token=(.+)$/.exec(demo.signIn)[1] }),
  });
  assert.equal(again.status, 401);
});

test("an e-mail and a password bring one back", async () => {
  await page.getByRole("textbox", { name: "E-mail" }).fill("owner@shop.example");
  await page.getByLabel("New password", { exact: true }).fill("correct horse battery");
  await page.getByRole("button", { name: "Save and continue" }).click();
  await link("Live").waitFor();
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("textbox", { name: "E-mail" }).fill("owner@shop.example");
  await page.getByLabel("Password", { exact: true }).fill("correct horse battery");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await link("Live").waitFor();
});

test("without calls, Live says how to send the first, with the real application id", async () => {
  const region = page.getByRole("region", { name: "Send the first call" });
  await region.waitFor();
  assert.ok((await region.innerText()).includes(demo.applicationId));
});

test("a call just made appears on Live, and opens", async () => {
  assert.equal(await call("/orders?company=acme", "alice", { method: "POST", body: '{"card":"4111111111111111","items":[{"sku":"1"}]}' }), 200);
  const row = page.locator("[data-call]").filter({ hasText: "/orders" });
  await row.waitFor({ timeout: shows });
  await reads(row, /200[\s\S]*POST[\s\S]*acme[\s\S]*alice/);

  await row.getByRole("link").first().click();
  const dialog = page.getByRole("dialog");
  const request = dialog.getByRole("region", { name: "Request body" });
  await request.getByText("masked").first().waitFor();
  assert.ok(!(await dialog.innerText()).includes("4111111111111111"), "the card is masked");
  await dialog.getByRole("tab", { name: "Headers" }).click();
  await dialog.getByRole("region", { name: "Request headers" }).getByText("Authorization").waitFor();
  assert.ok(!(await dialog.innerText()).includes("Basic "), "the credential is masked");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
});

test("the list is filtered as one types", async () => {
  await call("/legacy?company=cobalt", "bob");
  await page.locator("[data-call]").filter({ hasText: "/legacy" }).waitFor({ timeout: shows });
  await page.getByRole("searchbox", { name: "Filter" }).fill("user:bob ");
  await page.locator("[data-call]").filter({ hasText: "/orders" }).waitFor({ state: "hidden" });
  assert.equal(await page.locator("[data-call]").count(), 1);
  await page.getByRole("button", { name: "Clear" }).first().click();
});

test("Usage changes its time range and its groups, and exports", async () => {
  await link("Usage").click();
  const table = page.getByRole("table", { name: "Usage by group" });
  await table.getByText("acme").waitFor();
  await page.getByRole("button", { name: /^Time range/ }).click();
  await page.getByRole("button", { name: "Last 7 days" }).click();
  await page.waitForURL(/range=7d/);
  await page.locator("label", { hasText: /^User$/ }).click();
  await table.getByText("bob").waitFor();
  await reads(table, /alice[\s\S]*bob|bob[\s\S]*alice/);

  await page.getByRole("button", { name: "Export", exact: true }).click();
  const download = page.waitForEvent("download");
  await page.getByRole("menuitem", { name: "The table" }).click();
  const chunks = [];
  for await (const chunk of await (await download).createReadStream()) chunks.push(chunk);
  assert.match(Buffer.concat(chunks).toString(), /alice,1,/);
});

test("a customer opens to its own usage and calls", async () => {
  await link("Customers").click();
  await page.getByRole("table", { name: "Companies" }).getByRole("link", { name: /acme/ }).click();
  await page.getByRole("heading", { name: "acme" }).waitFor();
  const calls = page.getByRole("table", { name: "Last calls" });
  await calls.getByText("/orders").waitFor();
  assert.ok(!(await calls.innerText()).includes("/legacy"), "only its own calls");
});

test("the books balance on the Pipeline page", async () => {
  await link("Pipeline").click();
  await page.getByText("The books balance.").waitFor();
  const address = page.getByRole("region", { name: "Send events here" });
  assert.ok((await address.innerText()).includes(demo.applicationId), "the application id stays at hand");
});

test("at 400 pixels no page scrolls sideways", async () => {
  await page.setViewportSize({ width: 400, height: 800 });
  for (const name of ["Live", "Usage", "Customers", "Pipeline"]) {
    await link(name).click();
    await page.getByRole("main", { name: new RegExp(name) }).waitFor();
    const [page_, window_] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert.ok(page_ <= window_, `${name} is ${page_} pixels wide in a window of ${window_}`);
  }
});

test("nothing went wrong in the browser", () => assert.deepEqual(complaints, []));
