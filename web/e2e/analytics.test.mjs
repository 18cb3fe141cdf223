// Questions, funnels, retention, dashboards and embedding, as a person uses them:
// the real binary, a real browser.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { env } from "node:process";
import { after, before, test } from "node:test";
import { reads, startBrowser, startDemo } from "./demo.mjs";

// With SCREENSHOTS=folder every page is also kept as pictures, at three widths
// and in both schemes.
const shots = env.SCREENSHOTS;

let demo, browser, page;
const complaints = [];

before(async () => {
  demo = await startDemo();
  browser = await startBrowser();
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, acceptDownloads: true });
  context.setDefaultTimeout(30_000);
  page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  for (const [user, company, plan, path] of [
    ["alice", "acme", "pro", "/orders"], ["alice", "acme", "pro", "/orders"], ["bob", "cobalt", "free", "/orders"], ["carol", "acme", "pro", "/nowhere"],
  ]) {
    await call(`${path}?company=${company}`, user, plan);
  }
  await page.goto(demo.signIn);
  await page.getByRole("heading", { name: "You are in" }).waitFor();
  await open("live"); // the last call is there when all are
  await page.locator("[data-call]").filter({ hasText: "/nowhere" }).waitFor();
});

after(async () => {
  await browser?.close();
  if (demo) assert.equal(await demo.stop(), 0, "the demo ends cleanly");
});

async function call(path, user, plan) {
  const authorization = "Basic " + Buffer.from(`${user}:x`).toString("base64");
  const answer = await fetch(demo.gateway + path, { method: "POST", headers: { authorization, "content-type": "application/json", "x-plan": plan }, body: '{"amount":2.5}' });
  await answer.arrayBuffer();
}

const open = (hash) => page.goto(`${demo.platform}/#/${hash}`);
const answer = () => page.getByRole("table", { name: "Answer" });

async function picture(name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [390, 900, 1440]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await page.screenshot({ path: `${shots}/${name}-${width}-${colorScheme}.png` });
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
}

test("a question is put together and stands in the address", async () => {
  await open("usage/questions");
  await answer().getByText("acme").waitFor();
  await page.getByRole("button", { name: "+ Group" }).click();
  await page.getByRole("combobox", { name: "Group 2" }).or(page.getByRole("textbox", { name: "Group 2" })).fill("request.headers.X-Plan");
  await page.keyboard.press("Enter");
  await answer().getByText("free").waitFor();
  assert.match(decodeURIComponent(page.url()), /"groups":\["company_id","request\.headers\.X-Plan"\]/);
  await reads(answer(), /cobalt\s+free\s+1/);
  await picture("questions");
  await page.locator("label", { hasText: /^Table$/ }).click();
  await page.getByRole("img", { name: /over time/ }).waitFor({ state: "hidden" });
  await page.reload();
  await answer().getByText("free").waitFor();
});

test("a field of the body is summed up, filtered, compared and exported", async () => {
  const ask = { kind: "analysis", metrics: ["sum:request.body.amount", "users", "p95"], groups: ["company_id"], filters: [{ field: "company_id", op: "is", values: ["acme"] }], chart: "table", compare: true };
  await open("usage/questions?range=24h&ask=" + encodeURIComponent(JSON.stringify(ask)));
  await answer().getByRole("rowheader", { name: "acme" }).waitFor();
  await reads(answer(), /acme\s+(new )?5\s+(new )?2/);
  await page.getByRole("button", { name: "Export" }).click();
  const download = page.waitForEvent("download");
  await page.getByRole("menuitem", { name: "CSV" }).click();
  const chunks = [];
  for await (const chunk of await (await download).createReadStream()) chunks.push(chunk);
  assert.match(Buffer.concat(chunks).toString(), /^company_id,sum:request\.body\.amount,users,p95,.*\r\nacme,5,2,/);
});

test("a question that cannot be answered says why, and one without calls says so", async () => {
  const ask = (question) => open("usage/questions?ask=" + encodeURIComponent(JSON.stringify({ kind: "analysis", metrics: ["count"], ...question })));
  await ask({ groups: ["secret"] });
  await page.getByRole("alert").getByText(/"secret" is none/).waitFor();
  await ask({ filters: [{ field: "company_id", op: "is", values: ["'; DROP TABLE events; --"] }] });
  await page.getByText("No calls pass these filters").waitFor();
});

test("while there is no call to show, the first one shows by itself", async () => {
  const ask = { kind: "analysis", metrics: ["count"], groups: ["path"], filters: [{ field: "path", op: "is", values: ["/later"] }] };
  await open("usage/questions?range=30d&ask=" + encodeURIComponent(JSON.stringify(ask)));
  await page.getByText("No calls pass these filters").waitFor();
  await call("/later?company=acme", "alice", "pro");
  await answer().getByRole("rowheader", { name: "/later" }).waitFor();
});

test("a funnel and a retention are shown", async () => {
  await page.getByRole("navigation", { name: "Usage" }).getByRole("link", { name: "Funnels" }).click();
  const funnel = page.getByRole("list", { name: "Funnel" });
  await funnel.getByText("First success").waitFor();
  await reads(funnel, /First call\s+100%\s+3 users[\s\S]*First success\s+66\.7%\s+2 users/);
  await picture("funnels");
  await page.getByRole("navigation", { name: "Usage" }).getByRole("link", { name: "Retention" }).click();
  const retention = page.getByRole("table", { name: "Retention by week" });
  await retention.getByText("100%").first().waitFor();
  await picture("retention");
});

test("questions are kept as charts on a dashboard", async () => {
  await open("usage/dashboards");
  await page.getByRole("button", { name: "New dashboard" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("Monday");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "Monday" }).waitFor();
  for (const [name, path] of [["By company", "questions"], ["To success", "funnels"], ["Coming back", "retention"]]) {
    await open("usage/" + path);
    await page.getByRole("button", { name: "Keep as chart" }).click();
    await page.getByRole("textbox", { name: "Name" }).last().fill(name);
    await page.getByRole("combobox", { name: "Add to dashboard" }).or(page.getByRole("textbox", { name: "Add to dashboard" })).click();
    await page.getByRole("option", { name: "Monday" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click();
    await page.getByRole("heading", { name, exact: true }).waitFor();
  }
  await open("usage/dashboards");
  await page.getByRole("link", { name: "Monday" }).click();
  await page.getByRole("region", { name: "To success" }).getByText("First success").waitFor();
  await page.getByRole("region", { name: "By company" }).getByText("acme").waitFor();
  await page.getByRole("button", { name: "Place of Coming back" }).click();
  await page.getByRole("menuitem", { name: "Whole width" }).click();
  await page.reload();
  await page.getByRole("region", { name: "Coming back" }).getByText("100%").first().waitFor();
  await picture("dashboard");
});

test("a chart is embedded in another site's page, for one customer only", async () => {
  // Another site.
  let framed = "";
  const site = createServer((_, answered) => answered.setHeader("content-type", "text/html").end(framed));
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${site.address().port}`;
  try {
    await open("usage/dashboards");
    await page.getByRole("region", { name: "Charts" }).getByRole("listitem").filter({ hasText: "By company" }).getByRole("button", { name: "Embed" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox", { name: "Values" }).or(dialog.getByRole("combobox", { name: "Values" })).first().fill("acme");
    await page.keyboard.press("Enter");
    await dialog.getByLabel("Pages that may show it in a frame").fill(origin);
    await dialog.getByRole("button", { name: "Make the link" }).click();
    framed = await dialog.getByRole("textbox", { name: "For a page" }).inputValue();
    assert.match(framed, /^<iframe src="http/);

    const stranger = await browser.newContext();
    try {
      const theirs = await stranger.newPage();
      await theirs.goto(origin);
      const inside = theirs.frameLocator("iframe");
      await inside.getByRole("heading", { name: "By company" }).waitFor();
      await inside.getByRole("table", { name: "Answer" }).getByText("acme").waitFor();
      assert.ok(!(await inside.locator("body").innerText()).includes("cobalt"), "only its own calls");
      await theirs.goto(/src="([^"]+)"/.exec(framed)[1].slice(0, -3) + "AAA");
      await theirs.getByRole("alert").getByText("This link is not valid").waitFor();
    } finally {
      await stranger.close();
    }
  } finally {
    site.close();
    site.closeAllConnections();
  }
});

test("at 390 pixels none of these pages scrolls sideways", async () => {
  await page.setViewportSize({ width: 390, height: 800 });
  for (const path of ["questions", "funnels", "retention", "dashboards"]) {
    await open("usage/" + path);
    await page.getByRole("heading", { level: 1 }).waitFor();
    const [page_, window_] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert.ok(page_ <= window_, `${path} is ${page_} pixels wide in a window of ${window_}`);
  }
});

test("nothing went wrong in the browser", () => assert.deepEqual(complaints, []));
