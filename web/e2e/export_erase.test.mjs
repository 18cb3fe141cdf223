// What leaves and what goes for good, as people use it: an owner exports calls and
// erases a customer with a receipt; a reader is offered only what the role has.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { env } from "node:process";
import { after, before, test } from "node:test";
import { startBrowser, startDemo } from "./demo.mjs";

const waits = 20_000;
// Where pictures of the pages go; none are taken without it.
const pictures = env.E2E_PICTURES;

let demo, browser, owner, reader, app;
const complaints = [];

async function person() {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, acceptDownloads: true });
  context.setDefaultTimeout(waits);
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  return page;
}

/** Asks the console's API from within a page, as its session. */
const ask = (page, method, path, body) =>
  page.evaluate(
    async ([method, path, body]) => {
      const answer = await fetch("/api/v1" + path, { method, body, headers: { "content-type": "application/json", "x-gatemeter-csrf": "1" } });
      return { status: answer.status, text: await answer.text() };
    },
    [method, path, body && JSON.stringify(body)],
  );

async function send(calls) {
  const answer = await fetch(demo.platform + "/v1/events/batch", {
    method: "POST",
    headers: { "content-type": "application/json", "x-moesif-application-id": demo.applicationId },
    body: JSON.stringify(calls),
  });
  assert.equal(answer.status, 201);
}

async function picture(page, name) {
  if (!pictures) return;
  mkdirSync(pictures, { recursive: true });
  const size = page.viewportSize();
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const width of [390, 900, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      await page.screenshot({ path: join(pictures, `${name}-${scheme}-${width}.png`) });
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(size);
}

/** Presses a button and returns the text of the file that comes. */
async function download(page, button) {
  const [file] = await Promise.all([page.waitForEvent("download"), button.click()]);
  return { name: file.suggestedFilename(), text: readFileSync(await file.path(), "utf8") };
}

before(async () => {
  demo = await startDemo();
  browser = await startBrowser();
  [owner, reader] = [await person(), await person()];
  await owner.goto(demo.signIn);
  await owner.getByRole("textbox", { name: "E-mail" }).fill("ada@shop.example");
  await owner.getByLabel("New password", { exact: true }).fill("correct horse battery");
  await owner.getByRole("button", { name: "Save and continue" }).click();
  await owner.getByRole("link", { name: "Live", exact: true }).waitFor();
  app = JSON.parse((await ask(owner, "GET", "/apps")).text).apps[0].id;
  const call = (i, user, status) => {
    const time = new Date(Date.now() - 1000 * (i + 2)).toISOString();
    return { request: { time, verb: "POST", uri: "https://shop.example/orders", body: { who: user } }, response: { time, status }, user_id: user, company_id: "acme", transaction_id: `id-${user}-${i}` };
  };
  await send([...Array.from({ length: 12 }, (_, i) => call(i, "jane doe", i < 4 ? 404 : 200)), ...Array.from({ length: 3 }, (_, i) => call(i, "bob", 200))]);
  const deadline = Date.now() + waits;
  while (JSON.parse((await ask(owner, "GET", "/events?limit=100")).text).events.length < 15) {
    assert.ok(Date.now() < deadline, "the calls are never stored");
    await owner.waitForTimeout(100); // between two looks
  }
  const invited = JSON.parse((await ask(owner, "POST", "/invitations", { email: "reader@shop.example", role: "read-only" })).text);
  await reader.goto(`${demo.platform}/#/join?token=${encodeURIComponent(invited.token)}&email=reader@shop.example`);
  await reader.getByLabel("Password", { exact: true }).fill("battery staple");
  await reader.getByRole("button", { name: "Come in" }).click();
  await reader.getByRole("link", { name: "Live", exact: true }).waitFor();
});

after(async () => {
  await browser?.close();
  if (demo) assert.equal(await demo.stop(), 0, "the demo ends cleanly");
});

test("from Live one comes to an export of the same calls, and gets the file", async () => {
  await owner.goto(demo.platform + "/#/live?user=jane+doe");
  await owner.getByRole("link", { name: "Export these calls" }).click();
  const what = owner.getByRole("region", { name: "What is exported" });
  await what.getByText(/12 calls: calls of .* with user jane doe, last 24 hours, without bodies/).waitFor();
  await picture(owner, "export");
  const { name, text } = await download(owner, owner.getByRole("button", { name: "Download NDJSON" }));
  assert.match(name, /-calls-\d{4}-\d\d-\d\d\.ndjson$/);
  const lines = text.trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(lines.length, 12);
  assert.ok(lines.every((one) => one.user_id === "jane doe" && one.request.body === undefined));
  await what.getByText(/is whole/).waitFor();
  await picture(owner, "export-done");
});

test("format, filter and bodies are in the address, and make another file", async () => {
  await owner.getByRole("radiogroup", { name: "Format" }).getByText("CSV").click();
  await owner.getByRole("button", { name: "Errors only" }).click();
  await owner.getByLabel("With request and response bodies").check();
  await owner.getByText(/4 calls: failed calls of .* with bodies/).waitFor();
  assert.match(owner.url(), /format=csv/);
  await owner.reload();
  await owner.getByText(/4 calls: failed calls of .* with bodies/).waitFor();
  const { text } = await download(owner, owner.getByRole("button", { name: "Download CSV" }));
  const [header, ...rows] = text.trim().split("\n");
  assert.ok(header.includes("request_body"), header);
  assert.equal(rows.length, 4);
});

test("an empty export, and a server that refuses, are said to be so", async () => {
  await owner.goto(demo.platform + "/#/settings/export?user=nobody");
  await owner.getByText("No call passes this filter in this span of time.").waitFor();
  assert.ok(await owner.getByRole("button", { name: "Download NDJSON" }).isDisabled());
  await picture(owner, "export-empty");

  await owner.goto(demo.platform + "/#/settings/export?format=parquet");
  await owner.route("**/api/v1/events/export?*", (route) =>
    route.fulfill({ status: 409, contentType: "application/problem+json", body: JSON.stringify({ status: 409, title: "Conflict", detail: "an export is being written: wait for it to end" }) }));
  await owner.getByRole("button", { name: "Download Parquet" }).click();
  await owner.getByRole("alert").getByText("An export is being written").waitFor();
  await picture(owner, "export-refused");
  await owner.unroute("**/api/v1/events/export?*");
});

test("a reader may export, as they may see calls; a token without that scope may not", async () => {
  await reader.goto(demo.platform + "/#/settings/export");
  await reader.getByText(/15 calls: all calls/).waitFor();
  const { text } = await download(reader, reader.getByRole("button", { name: "Download NDJSON" }));
  assert.equal(text.trim().split("\n").length, 15);
  const token = JSON.parse((await ask(owner, "POST", "/tokens", { name: "books", scopes: ["apps:read"], expires_at: null })).text).secret;
  for (const path of ["/events/export", "/events/export/preview"]) {
    assert.equal((await fetch(`${demo.platform}/api/v1${path}?app=${app}`, { headers: { authorization: `Bearer ${token}` } })).status, 403, path);
    assert.equal((await fetch(`${demo.platform}/api/v1${path}?app=${app}`)).status, 401, path);
  }
});

test("a reader is offered no erasure, and the API refuses it", async () => {
  assert.equal(await reader.getByRole("navigation", { name: "Settings" }).getByRole("link", { name: "Erasures" }).count(), 0);
  await reader.goto(demo.platform + "/#/settings/erasures");
  await reader.getByText("Your role does not let you see this").waitFor();
  await reader.goto(demo.platform + "/#/customers/users/bob");
  await reader.getByRole("heading", { name: "bob" }).waitFor();
  assert.equal(await reader.getByRole("button", { name: "Erase…" }).count(), 0);
  for (const [method, path, body] of [
    ["POST", "/erasures", { kind: "user", id: "bob" }], ["GET", "/erasures"], ["GET", "/erasures/preview?kind=user&id=bob"], ["GET", "/erasures/x/receipt"],
  ]) {
    assert.equal((await ask(reader, method, path, body)).status, 403, `${method} ${path}`);
  }
});

test("a user is erased from its page, once its id is typed, with a receipt that can be checked", async () => {
  await owner.goto(demo.platform + "/#/customers/users/jane%20doe");
  await owner.getByRole("button", { name: "Erase…" }).click();
  const dialog = owner.getByRole("dialog", { name: "Erase the user jane doe" });
  await dialog.getByText("12 calls (12 with bodies) and the profile").waitFor();
  const button = dialog.getByRole("button", { name: "Erase for good" });
  assert.ok(await button.isDisabled(), "until the id is typed");
  await dialog.getByLabel(/^Type/).fill("jane");
  assert.ok(await button.isDisabled(), "a part of it is not enough");
  await dialog.getByLabel(/^Type/).fill("jane doe");
  await picture(owner, "erase-dialog");
  await button.click();

  const receipt = owner.getByRole("dialog", { name: "Receipt: a user was erased" });
  await receipt.getByRole("row", { name: "Calls 12" }).waitFor();
  await receipt.getByText("A search for the id afterwards found nothing.").waitFor();
  assert.match(owner.url(), /erasure=erasure_/);
  assert.ok(!(await owner.innerText("body")).includes("jane"), "the receipt does not say who it was");
  await picture(owner, "receipt");
  const { name, text } = await download(owner, receipt.getByRole("button", { name: "Download the receipt" }));
  assert.match(name, /^erasure_.*\.json$/);
  const paper = JSON.parse(text);
  const bytes = text.slice(text.indexOf('{"receipt":') + '{"receipt":'.length, text.lastIndexOf(',"sha256"'));
  assert.equal(createHash("sha256").update(bytes).digest("hex"), paper.sha256);
  assert.equal(createHash("sha256").update(`${paper.receipt.salt}:user:jane doe`).digest("hex"), paper.receipt.customer_sha256);
  await receipt.getByRole("button", { name: "Done" }).click();
  await owner.getByRole("table", { name: "Erasures" }).getByRole("row", { name: /User Done/ }).waitFor();

  assert.equal(JSON.parse((await ask(owner, "GET", "/events?limit=100")).text).events.length, 3);
});

test("a company is erased from Settings, and both are in the list and in the audit log", async () => {
  const form = owner.getByRole("region", { name: "Erase a customer" });
  await form.getByRole("textbox", { name: "Id" }).fill("nobody-inc");
  await form.getByRole("button", { name: "Erase…" }).click();
  await owner.getByRole("dialog").getByText("Nothing is stored of a user with this id").waitFor();
  await owner.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();

  await form.locator('input[aria-haspopup="listbox"]').click();
  await owner.getByRole("option", { name: "Company" }).click();
  await form.getByRole("textbox", { name: "Id" }).fill("acme");
  await form.getByRole("button", { name: "Erase…" }).click();
  const dialog = owner.getByRole("dialog", { name: "Erase the company acme" });
  await dialog.getByText(/3 calls/).waitFor();
  await dialog.getByLabel(/^Type/).fill("acme");
  await dialog.getByRole("button", { name: "Erase for good" }).click();
  await owner.getByRole("dialog", { name: "Receipt: a company was erased" }).getByRole("button", { name: "Done" }).click();
  const receipts = owner.getByRole("table", { name: "Erasures" }).getByRole("button", { name: /^Receipt of/ });
  await receipts.nth(1).waitFor();
  assert.equal(await receipts.count(), 2);
  await picture(owner, "erasures");

  await owner.getByRole("navigation", { name: "Settings" }).getByRole("link", { name: "Audit log" }).click();
  await owner.getByRole("table", { name: "Audit log" }).getByText("Erased a customer").first().waitFor();
  await owner.getByText("An entry stays for 400 days").waitFor();
  assert.ok(!(await owner.innerText("main")).includes("jane"));
});

test("at 390 pixels neither page scrolls sideways", async () => {
  await owner.setViewportSize({ width: 390, height: 800 });
  for (const path of ["export", "erasures"]) {
    await owner.goto(`${demo.platform}/#/settings/${path}`);
    await owner.getByRole("heading", { level: 2 }).waitFor();
    const [inside, outside] = await owner.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert.ok(inside <= outside, `${path} is ${inside} pixels wide in a window of ${outside}`);
  }
});

test("nothing went wrong in the browser", () => assert.deepEqual(complaints, []));
