// A rule from an empty page to a call that a real gateway blocks: written, tried
// on the calls there were, switched on, changed, deleted and brought back.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { reads, startBrowser, startDemo } from "./demo.mjs";

const shows = 8000;

let demo, browser, page;
const complaints = [];

before(async () => {
  demo = await startDemo();
  browser = await startBrowser();
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  context.setDefaultTimeout(15_000);
  page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", (dialog) => void dialog.accept());
  await page.goto(demo.signIn);
  await page.getByRole("heading", { name: "You are in" }).waitFor();
});

after(async () => {
  await browser?.close();
  if (demo) assert.equal(await demo.stop(), 0, "the demo ends cleanly");
});

/** Calls the gateway as a customer would. */
async function call(path, user) {
  const authorization = "Basic " + Buffer.from(`${user}:x`).toString("base64");
  const order = path.startsWith("/orders") ? { method: "POST", body: '{"items":[{"sku":"1"}]}' } : {};
  const answer = await fetch(demo.gateway + path, { ...order, headers: { authorization, "content-type": "application/json" } });
  return { status: answer.status, body: await answer.text() };
}

/** Says what is known of a user, as an SDK does. */
async function profile(user, metadata) {
  const answer = await fetch(demo.platform + "/v1/users", { method: "POST", headers: { "X-Moesif-Application-Id": demo.applicationId, "content-type": "application/json" }, body: JSON.stringify({ user_id: user, metadata }) });
  assert.equal(answer.status, 201);
}

/** Asks again until the condition holds; returns how long that took. */
async function until(what, condition, limit = shows) {
  const begun = Date.now();
  while (!(await condition())) assert.ok(Date.now() - begun < limit, `${what}: not within ${limit} ms`);
  return Date.now() - begun;
}

/** The console's own address behind the hash. */
const open = (path) => page.goto(`${demo.platform}/#/${path}`);
const part = (name) => page.getByRole("region", { name, exact: true });
const choose = (scope, name) => scope.locator("label").filter({ hasText: new RegExp(`^${name}`) }).click();

/** Looked at by eye, when the environment says where to put the pictures. */
async function picture(name) {
  const folder = process.env.SHOTS;
  if (!folder) return;
  const { width, height } = page.viewportSize();
  for (const [w, h] of [[390, 844], [900, 800], [1440, 900]]) {
    await page.setViewportSize({ width: w, height: h });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: `${folder}/${name}-${w}-${colorScheme}.png`, fullPage: true });
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width, height });
}

test("without rules the page says what a rule is for", async () => {
  await profile("alice", { plan: "starter" });
  for (let i = 0; i < 3; i++) assert.equal((await call("/orders?company=acme", "alice")).status, 200);
  assert.equal((await call("/orders?company=bolt", "bob")).status, 200);
  await open("governance");
  await page.getByRole("heading", { name: "No rules yet" }).waitFor();
  await picture("empty");
  await page.getByRole("link", { name: "Write the first rule" }).click();
  await page.getByRole("heading", { name: "New rule" }).waitFor();
});

test("a rule is written in words, and its answer is seen at once", async () => {
  await page.getByRole("textbox", { name: "Name", exact: true }).fill("Orders need a plan");
  await choose(part("Who"), "Users");
  await part("Who").getByLabel("Add a user", { exact: true }).fill("alice");
  await part("Who").getByRole("button", { name: "Add", exact: true }).click();
  await part("When").getByRole("button", { name: "Add a condition" }).click();
  await part("When").getByRole("textbox", { name: "Value" }).fill("/orders");
  await part("What").getByRole("button", { name: "402" }).click();
  await part("What").getByRole("button", { name: "Add a merge tag" }).click();
  await part("What").getByRole("textbox", { name: "Message" }).fill("The {{plan|free}} plan has no orders");
  assert.equal(await page.getByRole("textbox", { name: "plan of alice" }).getAttribute("placeholder"), "from the profile");
  await page.getByText("Answers 402 for alice, when the path begins with “/orders”").first().waitFor();
  const preview = part("Preview");
  await preview.getByText("HTTP 402").waitFor();
  await preview.getByText("The starter plan has no orders").waitFor();
});

test("it is tried on the calls there were, before it is saved", async () => {
  const run = part("Dry run");
  await until("the calls", async () => {
    await run.getByRole("button", { name: "Try it" }).click();
    await run.getByText(/Would have blocked/).waitFor();
    return /Would have blocked 3 calls of 1 company and 1 user/.test(await run.innerText());
  });
  await reads(run.getByRole("table", { name: /^Users/ }), /alice\s+3/);
  assert.equal(await run.getByRole("table", { name: /^Calls/ }).getByRole("link").count(), 3);
  await picture("editor");
});

test("what is not saved is not lost by a slip", async () => {
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Live" }).click();
  await page.getByRole("main", { name: "Live" }).waitFor();
  await page.goBack();
  await page.getByText("These are changes that you had not saved").waitFor();
  await page.reload();
  await page.getByText("These are changes that you had not saved").waitFor();
  assert.equal(await page.getByRole("textbox", { name: "Name", exact: true }).inputValue(), "Orders need a plan");
});

test("it is saved by key, switched off at first, and has an address", async () => {
  await page.keyboard.press("Control+s");
  await page.getByRole("heading", { name: "Orders need a plan" }).waitFor();
  assert.match(page.url(), /#\/governance\/[0-9a-f]{24}/);
  assert.equal(await page.getByRole("radio", { name: "Off" }).isChecked(), true);
  assert.equal((await call("/orders?company=acme", "alice")).status, 200);
});

test("in shadow nothing is blocked, and the list tells what would have been", async () => {
  await choose(page.getByRole("radiogroup", { name: /^State of/ }), "Shadow");
  await page.getByText("Shadow: gateways let everything pass").waitFor();
  for (let i = 0; i < 2; i++) assert.equal((await call("/orders?company=acme", "alice")).status, 200);
  await until("the report", async () => {
    await open("governance");
    await page.reload();
    const row = page.locator("[data-rule]").filter({ hasText: "Orders need a plan" });
    await row.getByText(/would have blocked/).waitFor();
    return /would have blocked 2 of 2 calls, of 1 company and 1 user/.test(await row.innerText());
  });
  await picture("list");
});

test("switched on, after a question, a real gateway blocks the call within a second", async () => {
  await choose(page.getByRole("radiogroup", { name: /^State of/ }), "On");
  const dialog = page.getByRole("dialog");
  await dialog.getByText(/Would have blocked 5|Would have blocked 6/).waitFor();
  await picture("confirm");
  assert.equal((await call("/orders?company=acme", "alice")).status, 200, "not before it is confirmed");
  await dialog.getByRole("button", { name: "Switch on" }).click();
  let blocked;
  const took = await until("enforced", async () => {
    blocked = await call("/orders?company=acme", "alice");
    return blocked.status === 402;
  });
  assert.ok(took < 3000, `enforced after ${took} ms`);
  assert.deepEqual(JSON.parse(blocked.body), { error: "The starter plan has no orders" });
  assert.equal((await call("/orders?company=bolt", "bob")).status, 200, "others pass");
  assert.notEqual((await call("/legacy?company=acme", "alice")).status, 402, "other paths pass");
  await profile("alice", { plan: "small" });
  await until("the message follows the profile", async () => (await call("/orders?company=acme", "alice")).body.includes("The small plan has no orders"));
  await dialog.waitFor({ state: "hidden" });
});

test("the order is changed by key, and the last rule that blocks answers", async () => {
  await page.evaluate(async () => {
    const rule = { name: "Alice waits", type: "user", state: "on", block: true, response: { status: 429 }, customers: [{ id: "alice" }] };
    await fetch("/api/v1/rules", { method: "POST", headers: { "content-type": "application/json", "X-Gatemeter-CSRF": "1" }, body: JSON.stringify(rule) });
  });
  await until("the later rule answers", async () => (await call("/orders?company=acme", "alice")).status === 429);
  await page.reload();
  const names = () => page.locator("[data-rule] a[data-opens]").allInnerTexts();
  await page.getByRole("link", { name: "Alice waits" }).waitFor();
  assert.deepEqual(await names(), ["Orders need a plan", "Alice waits"]);
  await page.getByRole("link", { name: "Alice waits" }).press("Alt+ArrowUp");
  await until("the new order", async () => (await names())[0] === "Alice waits");
  await until("the other rule answers", async () => (await call("/orders?company=acme", "alice")).status === 402);
  await page.getByRole("button", { name: "Move Alice waits down" }).click();
  await until("the order before", async () => (await call("/orders?company=acme", "alice")).status === 429);
});

test("rules are searched", async () => {
  await page.getByRole("searchbox", { name: "Search rules" }).fill("plan orders");
  await page.getByRole("link", { name: "Alice waits" }).waitFor({ state: "hidden" });
  await page.waitForURL(/q=plan/);
  await page.getByRole("searchbox", { name: "Search rules" }).fill("");
});

test("a deletion is undone, switched on as it was", async () => {
  await page.getByRole("link", { name: "Alice waits" }).click();
  await page.getByRole("button", { name: "Delete rule" }).click();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText("“Alice waits” is deleted").waitFor();
  await until("enforced no more", async () => (await call("/orders?company=acme", "alice")).status === 402);
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("link", { name: "Alice waits" }).waitFor();
  await until("enforced again", async () => (await call("/orders?company=acme", "alice")).status === 429);
});

test("history says what was changed, and goes back", async () => {
  await page.getByRole("link", { name: "Orders need a plan" }).click();
  await part("What").getByRole("button", { name: "403" }).click();
  await page.getByText("what you save is enforced at once").waitFor();
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator("label").filter({ hasText: /^History$/ }).click();
  const history = part("History");
  await history.getByText("Status").first().waitFor();
  await reads(history, /changed[\s\S]*Status\s*402\s*→?\s*403/);
  await picture("history");
  await history.getByRole("button", { name: "Go back to this" }).first().click();
  await history.getByRole("button", { name: "Go back", exact: true }).click();
  await page.getByText("Answers 402 for alice").first().waitFor();
  await open("governance/history");
  await page.getByText("changed the order of the rules").first().waitFor();
  await reads(part("History"), /brought back[\s\S]*created/);
});

test("bad input is refused in words, where it is", async () => {
  await open("governance/new");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("alert").getByText("Give the rule a name").waitFor();
  await page.getByRole("textbox", { name: "Name", exact: true }).fill("bad");
  await part("When").getByRole("button", { name: "Add a condition" }).click();
  await part("When").getByRole("combobox", { name: "How" }).selectOption("regex");
  await part("When").getByRole("textbox", { name: "Value" }).fill("(");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("alert").getByText(/regex_config\[0\]\.conditions\[0\]\.value/).first().waitFor();
  await page.getByRole("button", { name: "Discard changes" }).click();
});

test("nothing scrolls sideways on a telephone", async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const path of ["governance", "governance/new", "governance/history"]) {
    await open(path);
    await page.getByRole("main", { name: "Governance" }).waitFor();
    const [wide, window_] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert.ok(wide <= window_, `${path} is ${wide} pixels wide in a window of ${window_}`);
  }
});

test("nothing went wrong in the browser", () => assert.deepEqual(complaints, []));
