// Who may do what, as people use it: an owner makes applications, invites a
// reader and hands out a token; the reader can change nothing.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startBrowser, startDemo } from "./demo.mjs";

let demo, browser, owner, reader;
const complaints = [];

/** A window of its own, as another person has it. */
async function person() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  return page;
}

before(async () => {
  demo = await startDemo();
  browser = await startBrowser();
  owner = await person();
  reader = await person();
});

after(async () => {
  await browser?.close();
  if (demo) assert.equal(await demo.stop(), 0, "the demo ends cleanly");
});

const settings = (page, name) => page.getByRole("navigation", { name: "Settings" }).getByRole("link", { name, exact: true });

/** Sends one event with an application id, and answers the collector's status. */
async function send(applicationId) {
  const time = new Date().toISOString();
  const answer = await fetch(demo.platform + "/v1/events", {
    method: "POST",
    headers: { "content-type": "application/json", "x-moesif-application-id": applicationId },
    body: JSON.stringify({ request: { time, verb: "GET", uri: "https://shop.example/" }, response: { time, status: 200 } }),
  });
  await answer.arrayBuffer();
  return answer.status;
}

/** Looked at by eye, when the environment says where to put the pictures. */
let shots;
async function picture(page, name) {
  if (!shots) return;
  const { width, height } = page.viewportSize();
  for (const [w, h] of [[390, 844], [900, 800], [1440, 900]]) {
    await page.setViewportSize({ width: w, height: h });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.evaluate(() => Promise.all(document.getAnimations().map((one) => one.finished.catch(() => undefined))));
      await page.screenshot({ path: `${shots}/read-only-${name}-${w}-${colorScheme}.png`, fullPage: true });
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width, height });
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

test("the first person becomes the owner, and finds Settings", async () => {
  await owner.goto(demo.signIn);
  await owner.getByRole("textbox", { name: "E-mail" }).fill("ada@shop.example");
  await owner.getByLabel("New password", { exact: true }).fill("correct horse battery");
  await owner.getByRole("button", { name: "Save and continue" }).click();
  await owner.getByRole("link", { name: "Settings" }).click();
  await owner.getByRole("heading", { name: "Applications" }).waitFor();
  await settings(owner, "People").click();
  await owner.getByRole("row", { name: /ada@shop\.example \(you\)/ }).waitFor();
  assert.ok(await owner.getByRole("button", { name: "Remove ada@shop.example" }).isDisabled(), "the last owner stays");
});

test("an application is created, its id rotated with a grace, and revoked", async () => {
  await settings(owner, "Applications").click();
  await owner.getByRole("button", { name: "New application", exact: true }).click();
  await owner.getByLabel("Name").fill("Payments");
  await owner.getByRole("button", { name: "Create" }).click();
  const shown = owner.getByRole("dialog", { name: "Payments is ready" });
  const first = await shown.getByRole("group", { name: "Application id" }).locator("code").innerText();
  await shown.getByRole("button", { name: "Done" }).click();
  assert.equal(await send(first), 201);

  const card = owner.getByRole("region", { name: "Payments" });
  await card.getByRole("button", { name: "New application id" }).click();
  await owner.getByRole("button", { name: "Make a new id" }).click();
  const next = owner.getByRole("dialog", { name: "New application id of Payments" });
  const second = await next.getByRole("group", { name: "Application id" }).locator("code").innerText();
  await next.getByRole("button", { name: "Done" }).click();
  assert.notEqual(second, first);
  assert.deepEqual([await send(first), await send(second)], [201, 201], "the old id goes on for a day");

  await card.getByRole("button", { name: "Refuse the old ids now" }).click();
  await owner.getByRole("button", { name: "Refuse them" }).click();
  await owner.getByRole("dialog").waitFor({ state: "hidden" });
  assert.deepEqual([await send(first), await send(second)], [401, 201]);

  await card.getByRole("button", { name: "Revoke" }).click();
  const revoke = owner.getByRole("dialog", { name: "Revoke Payments" });
  assert.ok(await revoke.getByRole("button", { name: "Revoke" }).isDisabled(), "until its name is typed");
  await revoke.getByLabel(/^Type/).fill("Payments");
  await revoke.getByRole("button", { name: "Revoke" }).click();
  await card.getByText("Revoked", { exact: true }).first().waitFor();
  assert.equal(await send(second), 401);
});

test("a rate bounds what an application may send", async () => {
  const card = owner.getByRole("region", { name: "Payments" });
  await card.getByRole("button", { name: "Open again with a new id" }).click();
  await owner.getByRole("button", { name: "Make a new id" }).click();
  const next = owner.getByRole("dialog", { name: "New application id of Payments" });
  const id = await next.getByRole("group", { name: "Application id" }).locator("code").innerText();
  await next.getByRole("button", { name: "Done" }).click();
  await card.getByRole("button", { name: "Name and rate" }).click();
  await owner.getByLabel("Calls a second").fill("1");
  await owner.getByRole("button", { name: "Save" }).click();
  await card.getByText("1 calls a second, 1 at once").waitFor();
  const sent = await Promise.all(Array.from({ length: 30 }, () => send(id)));
  assert.ok(sent.includes(201) && sent.includes(429), String(sent));
});

test("an invitation's link makes a reader, once", async () => {
  await settings(owner, "People").click();
  await owner.getByRole("button", { name: "Invite somebody" }).click();
  await owner.getByLabel("E-mail").fill("reader@shop.example");
  await owner.getByRole("button", { name: "Make the link" }).click();
  const shown = owner.getByRole("dialog", { name: "Invitation of reader@shop.example" });
  const link = await shown.getByRole("group", { name: "Link" }).locator("code").innerText();
  await shown.getByRole("button", { name: "Done" }).click();
  await owner.getByRole("table", { name: "Invitations" }).getByText("reader@shop.example").waitFor();

  await reader.goto(link);
  await reader.getByLabel("Password", { exact: true }).fill("battery staple");
  await reader.getByRole("button", { name: "Come in" }).click();
  await reader.getByRole("link", { name: "Live", exact: true }).waitFor();

  const late = await person();
  await late.goto(link);
  await late.getByLabel("Password", { exact: true }).fill("another password");
  await late.getByRole("button", { name: "Come in" }).click();
  await late.getByRole("alert").getByText("This invitation was used").waitFor();
});

test("a read-only person is offered nothing to change, and can change nothing by API", async () => {
  await reader.getByRole("link", { name: "Settings" }).click();
  await reader.getByText("Your role may see the applications, not change them").waitFor();
  for (const name of ["New application", "New application id", "Revoke", "Name and rate"]) {
    assert.equal(await reader.getByRole("button", { name, exact: true }).count(), 0, name);
  }
  for (const name of ["People", "API tokens", "Audit log"]) assert.equal(await settings(reader, name).count(), 0, name);
  assert.ok(!(await reader.innerText("body")).includes(demo.applicationId), "the application id is a right to write");
  await reader.goto(demo.platform + "/#/settings/people");
  await reader.getByText("Your role does not let you see this").waitFor();

  const { paths } = JSON.parse((await (await fetch(demo.platform + "/api/openapi.json")).text()));
  let tried = 0;
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const right = operation["x-right"];
      if (method === "get" || !right || right.endsWith(":read")) continue;
      tried++;
      const { status, text } = await ask(reader, method.toUpperCase(), path.replace("/api/v1", "").replaceAll(/\{[^}]+\}/g, "x"), method === "delete" ? undefined : {});
      assert.equal(status, 403, `${method} ${path}: ${text}`);
    }
  }
  assert.ok(tried >= 12, `${tried} operations`);
  assert.equal((await ask(reader, "GET", "/audit")).status, 403);
});

test("a read-only person and an analyst are offered what they may change, on every page", async () => {
  const made = async (path, body) => {
    const { status, text } = await ask(owner, "POST", `${path}?app=${app}`, body);
    assert.equal(status, 201, text);
    return JSON.parse(text).id;
  };
  const app = JSON.parse((await ask(owner, "GET", "/apps")).text).apps[0].id;
  const rule = await made("/rules", { name: "Slow down", type: "regex", block: true, regex_config: [{ conditions: [{ path: "request.verb", value: "PUT" }] }], response: { status: 429 } });
  const cohort = await made("/cohorts", { name: "Busy", kind: "company", criteria: { match: "all", conditions: [{ usage: { measure: "calls", op: "at_least", value: 1, hours: 24 } }] } });
  const everything = [
    ["governance", (page) => page.getByRole("link", { name: "Slow down" }), ["New rule", "Move Slow down up"]],
    [`governance/${rule}`, (page) => page.getByRole("heading", { name: "Slow down" }), ["Save", "Delete rule"]],
    ["cohorts", (page) => page.getByRole("link", { name: "Busy" }).first(), ["New cohort"]],
    [`cohorts/${cohort}`, (page) => page.getByRole("heading", { name: "Busy" }), ["Edit", "Delete"]],
    ["usage/dashboards", (page) => page.getByRole("heading", { name: "Dashboards", level: 1 }), ["New dashboard"]],
    ["usage/questions", (page) => page.getByRole("heading", { name: "Questions" }), ["Keep as chart"]],
  ];
  const offered = async (page) => {
    const names = [];
    for (const [path, there, buttons] of everything) {
      await page.goto(`${demo.platform}/#/${path}`);
      await there(page).waitFor();
      await picture(page, path.split("/").map((part) => (part === rule || part === cohort ? "one" : part)).join("-"));
      for (const name of buttons) {
        const found = page.getByRole("button", { name, exact: true }).or(page.getByRole("link", { name, exact: true }));
        if ((await found.count()) > 0) names.push(name);
      }
    }
    return names;
  };
  assert.deepEqual(await offered(owner), everything.flatMap(([, , buttons]) => buttons), "to the owner");
  shots = process.env.SHOTS;
  assert.deepEqual(await offered(reader), [], "to a reader");
  shots = undefined;

  await reader.goto(`${demo.platform}/#/governance/${rule}`);
  await reader.getByText("Your role may see the rules, not change them").waitFor();
  assert.ok(await reader.getByRole("textbox", { name: "Name" }).isDisabled(), "the editor");
  assert.ok(await reader.getByRole("radiogroup", { name: "State of Slow down" }).getByRole("radio", { name: "On" }).isDisabled(), "the switch");
  await reader.getByRole("button", { name: "Try it" }).click();
  await reader.getByRole("region", { name: "On past calls" }).getByText(/would (not )?have/).nth(1).or(reader.getByText(/[0-9] calls/)).first().waitFor();
  await reader.goto(`${demo.platform}/#/governance/new`);
  await reader.getByText("Your role may see the rules, not change them").waitFor();
  await reader.goto(`${demo.platform}/#/cohorts/new`);
  await reader.getByText("Your role may see the cohorts, not change them").waitFor();

  const { people } = JSON.parse((await ask(owner, "GET", "/people")).text);
  const change = async (role) => assert.equal((await ask(owner, "PUT", `/people/${people.find((one) => one.email === "reader@shop.example").id}/role`, { role })).status, 204);
  await change("analyst");
  await reader.reload();
  assert.deepEqual(await offered(reader), ["New cohort", "Edit", "Delete", "New dashboard", "Keep as chart"], "to an analyst");
  await change("read-only");
  for (const page of [owner, reader]) {
    await page.goto(`${demo.platform}/#/settings/applications`);
    await page.reload();
  }
});

test("a token is shown once, does what its scopes say, and ends", async () => {
  await settings(owner, "API tokens").click();
  await owner.getByRole("button", { name: "New token" }).click();
  await owner.getByLabel("Name").fill("nightly export");
  await owner.getByLabel("See calls and usage").check();
  await owner.getByRole("button", { name: "Create" }).click();
  const shown = owner.getByRole("dialog", { name: "Token nightly export" });
  const secret = await shown.getByRole("group", { name: "Token" }).locator("code").innerText();
  await shown.getByRole("button", { name: "Done" }).click();
  const app = JSON.parse((await ask(owner, "GET", "/apps")).text).apps[0].id;
  const asked = async (path) => (await fetch(`${demo.platform}/api/v1${path}?app=${app}`, { headers: { authorization: `Bearer ${secret}` } })).status;
  assert.deepEqual([await asked("/events"), await asked("/rules")], [200, 403]);
  assert.ok(!(await owner.innerText("body")).includes(secret));

  await owner.getByRole("button", { name: "Revoke nightly export" }).click();
  await owner.getByRole("dialog").getByRole("button", { name: "Revoke", exact: true }).click();
  await owner.getByText("No program has a token yet.").waitFor();
  assert.equal(await asked("/events"), 401);
});

test("a removed person is out at once", async () => {
  await settings(owner, "People").click();
  await owner.locator('input[aria-label="Role of reader@shop.example"]').click();
  await owner.getByRole("option", { name: "Analyst" }).click();
  // The select shows its new value at once; the server has to know it too.
  await owner.waitForFunction(() => fetch("/api/v1/people").then((answer) => answer.text()).then((text) => text.includes('"analyst"')));
  assert.ok(JSON.parse((await ask(reader, "GET", "/session")).text).rights.includes("charts:write"), "the new role counts at once");

  await owner.getByRole("button", { name: "Remove reader@shop.example" }).click();
  await owner.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
  await owner.getByRole("dialog").waitFor({ state: "hidden" });
  assert.equal((await ask(reader, "GET", "/apps")).status, 401);
  await reader.reload();
  await reader.getByRole("form", { name: "Sign in" }).waitFor();
  assert.equal(await reader.getByRole("link", { name: /single sign-on/ }).count(), 0, "without an issuer there is no button for it");
});

test("the audit log tells it all, without a secret", async () => {
  await settings(owner, "Audit log").click();
  const log = owner.getByRole("table", { name: "Audit log" });
  for (const what of ["Created an application", "Made a new application id", "Revoked an application", "Invited somebody", "Accepted an invitation", "Created an API token", "Revoked an API token", "Changed a role", "Removed a person"]) {
    await log.getByText(what).first().waitFor();
  }
  assert.ok(!/battery|gmt_/.test(await log.innerText()));
  await log.getByRole("button", { name: "reader@shop.example" }).first().click();
  await owner.waitForURL(/who=person_/);
  await log.getByText("Created an application").first().waitFor({ state: "hidden" });
  await log.getByText("Accepted an invitation").waitFor();
});

test("at 390 pixels no page of Settings scrolls sideways", async () => {
  await owner.setViewportSize({ width: 390, height: 800 });
  for (const [path, heading] of [["applications", "Applications"], ["people", "People"], ["tokens", "API tokens"], ["audit", "Audit log"]]) {
    await owner.goto(`${demo.platform}/#/settings/${path}`);
    await owner.getByRole("heading", { name: heading, exact: true }).waitFor();
    const [inside, outside] = await owner.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert.ok(inside <= outside, `${heading} is ${inside} pixels wide in a window of ${outside}`);
  }
});

test("nothing went wrong in the browser", () => assert.deepEqual(complaints, []));
