// Cohorts as a person uses them: from the first example to a call that a real
// gateway blocks because its caller entered.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { env } from "node:process";
import { after, before, test } from "node:test";
import { reads, startBrowser, startDemo } from "./demo.mjs";

// A cohort is looked at every two seconds, and a busy machine takes its time.
const follows = 15_000;
// Where pictures of the pages go; none are taken without it.
const pictures = env.E2E_PICTURES;

let demo, browser, page;
const complaints = [];

before(async () => {
  demo = await startDemo();
  browser = await startBrowser();
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  context.setDefaultTimeout(follows);
  page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(demo.signIn);
  await page.getByRole("heading", { name: "You are in" }).waitFor();
});

after(async () => {
  await browser?.close();
  if (demo) assert.equal(await demo.stop(), 0, "the demo ends cleanly");
});

const link = (name) => page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name, exact: true });

async function call(path, user) {
  const authorization = "Basic " + Buffer.from(`${user}:x`).toString("base64");
  const answer = await fetch(demo.gateway + path, { headers: { authorization } });
  await answer.arrayBuffer();
  return answer.status;
}

/** Sends profiles to the collector. */
async function profile(kind, body) {
  const answer = await fetch(`${demo.platform}/v1/${kind}`, { method: "POST", headers: { "x-moesif-application-id": demo.applicationId, "content-type": "application/json" }, body: JSON.stringify(body) });
  assert.equal(answer.status, 201);
}

/** Asks the console's API in the name of who is signed in. */
const api = (method, path, body) =>
  page.evaluate(
    async ([method, path, body]) => {
      const answer = await fetch("/api/v1" + path, { method, headers: { "content-type": "application/json", "x-gatemeter-csrf": "1" }, body });
      return { status: answer.status, text: await answer.text() };
    },
    [method, path, body && JSON.stringify(body)],
  );

async function picture(name) {
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

test("an example becomes a cohort, with its members shown before", async () => {
  await profile("companies", { company_id: "acme", company_domain: "acme.example", metadata: { name: "Acme", plan: "free" } });
  await profile("companies", { company_id: "cobalt", metadata: { name: "Cobalt", plan: "pro" } });
  await profile("subscriptions", { subscription_id: "sub_1", company_id: "acme", status: "active", current_period_end: "2027-01-01T00:00:00Z", items: [{ plan_id: "growth" }] });
  await page.goto(demo.platform + "/#/cohorts");
  await page.getByRole("heading", { name: "No cohorts yet" }).waitFor();
  await picture("empty");
  await page.getByRole("link", { name: /Never called/ }).click();
  const preview = page.getByRole("region", { name: "Preview" });
  await preview.getByText("2 companies").waitFor();
  await page.getByRole("button", { name: "Add what their profile says" }).click();
  await preview.getByText("Fill in the conditions").waitFor();
  const second = page.getByRole("group", { name: "Condition 2" });
  await second.getByLabel("Field of the profile").first().fill("metadata.plan");
  await page.keyboard.press("Escape");
  await second.getByLabel("Values").first().fill("Free");
  await page.keyboard.press("Enter");
  await preview.getByText("1 company").waitFor();
  await preview.getByRole("link", { name: "Acme" }).waitFor();
  await picture("editor");
  await page.getByRole("button", { name: "Create the cohort" }).click();
  await page.getByRole("heading", { name: "Never called" }).waitFor();
  await page.getByRole("region", { name: "Members" }).getByRole("link", { name: "Acme" }).waitFor();
});

test("who enters is blocked by a rule that follows the cohort, and the pages say so", async () => {
  const cohort = await api("POST", "/cohorts", {
    name: "Heavy users", kind: "user",
    criteria: { match: "all", conditions: [{ usage: { measure: "calls", op: "at_least", value: 3, hours: 1, routes: ["/orders/{id}"] } }] },
  });
  assert.equal(cohort.status, 201, cohort.text);
  const { id } = JSON.parse(cohort.text);
  const rule = await api("POST", "/rules", { name: "Slow down", type: "user", enabled: true, block: true, cohort: id, response: { status: 429 } });
  assert.equal(rule.status, 201, rule.text);
  for (let i = 0; i < 3; i++) assert.equal(await call(`/orders/${i}?company=acme`, "alice"), 200);
  const deadline = Date.now() + follows;
  while ((await call("/orders/1?company=acme", "alice")) !== 429) {
    assert.ok(Date.now() < deadline, "alice is never blocked");
    await page.waitForTimeout(100); // between two looks
  }
  assert.equal(await call("/orders/1?company=acme", "bob"), 200);

  await link("Cohorts").click();
  await page.getByRole("table", { name: "Cohorts" }).getByRole("link", { name: "Heavy users" }).waitFor();
  const feed = page.getByRole("region", { name: "Entered and left" });
  await feed.getByText("alice").waitFor();
  // Acme called meanwhile: it has left the other cohort.
  await feed.getByText(/Acme left Never called/).waitFor();
  await picture("list");
  await page.getByRole("table", { name: "Cohorts" }).getByRole("link", { name: "Heavy users" }).click();
  await page.getByRole("region", { name: "Members" }).getByRole("link", { name: "alice" }).waitFor();
  await picture("cohort");
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete the cohort" }).click();
  await page.getByRole("alert").getByText(/Slow down/).waitFor();
  await picture("delete");
  await page.getByRole("button", { name: "Keep it" }).click();
  await page.getByRole("region", { name: "Members" }).getByRole("link", { name: "alice" }).click();
  await page.getByRole("region", { name: "Cohorts" }).getByRole("link", { name: "Heavy users" }).waitFor();
  await page.getByRole("region", { name: "Rules that apply" }).getByText("blocks with 429, by its cohort").waitFor();
});

test("a company shows its subscriptions", async () => {
  await page.goto(demo.platform + "/#/customers/companies/acme");
  const subscriptions = page.getByRole("region", { name: "Subscriptions" });
  await subscriptions.getByText("growth").waitFor();
  await reads(subscriptions, /active[\s\S]*sub_1/);
  await picture("customer");
});

test("at 390 pixels no page scrolls sideways", async () => {
  await page.setViewportSize({ width: 390, height: 800 });
  for (const hash of ["#/cohorts", "#/cohorts/new?example=In%20trouble", "#/customers/companies/acme"]) {
    await page.goto(demo.platform + "/" + hash);
    await page.getByRole("heading", { level: 1 }).waitFor();
    const [drawn, there] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert.ok(drawn <= there, `${hash} is ${drawn} pixels wide in a window of ${there}`);
  }
});

test("nothing went wrong in the browser", () => assert.deepEqual(complaints, []));
