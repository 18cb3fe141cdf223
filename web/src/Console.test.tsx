import { act, cleanup, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Mock } from "../dev/mock";
import { newQueryClient } from "./api/queries";
import { Console } from "./Console";

let mock: Mock;
let asked: string[];
let reachable: boolean;

function open(hash: string, options: ConstructorParameters<typeof Mock>[0] = {}) {
  mock = new Mock({ calls: 300, rate: 0, ...options });
  asked = [];
  reachable = true;
  vi.stubGlobal("fetch", (target: string, init: RequestInit) => {
    asked.push(`${init.method} ${target}`);
    if (!reachable) return Promise.reject(new TypeError("failed to fetch"));
    const { status, body } = mock.answer(init.method ?? "GET", target, init.body ? JSON.parse(init.body as string) : undefined);
    return Promise.resolve(new Response(JSON.stringify(body), { status }));
  });
  window.location.hash = hash;
  render(<Console client={newQueryClient()} />);
}

beforeEach(() => {
  localStorage.clear();
  Element.prototype.scrollIntoView = () => undefined;
});

describe("signing in", () => {
  it("happens by itself with a token in the address, which then goes", async () => {
    open("#/sign-in?token=one-time", { signedIn: false });
    await screen.findByRole("heading", { name: "You are in" });
    expect(window.location.hash).toBe("#/welcome");
    expect(asked.filter((one) => one === "POST /api/v1/session")).toHaveLength(1);

    const user = userEvent.setup();
    await user.type(screen.getByLabelText("E-mail"), "ada@example.com");
    await user.type(screen.getByLabelText("New password"), "short");
    await user.click(screen.getByRole("button", { name: "Save and continue" }));
    expect((await screen.findByRole("alert")).textContent).toContain("at least 10 characters");
    await user.type(screen.getByLabelText("New password"), "er now than before");
    await user.click(screen.getByRole("button", { name: "Save and continue" }));
    await screen.findByRole("table", { name: "Calls" });
    expect(mock.session.email).toBe("ada@example.com");
  });

  it("says why a token was refused and lets another one be typed", async () => {
    open("#/sign-in?token=used", { signedIn: false });
    expect((await screen.findByRole("alert")).textContent).toContain("not known, or was used already");
    const user = userEvent.setup();
    await user.type(screen.getByLabelText(/One-time token/), "one-time");
    await user.click(screen.getByRole("button", { name: "Sign in" }));
    await screen.findByRole("heading", { name: "You are in" });
  });

  it("works with e-mail and password, and opens the page that was asked for", async () => {
    open("#/pipeline", { signedIn: false });
    const user = userEvent.setup();
    await user.type(await screen.findByLabelText("E-mail"), "ada@example.com");
    await user.type(screen.getByLabelText("Password"), "correct horse");
    await user.click(screen.getByRole("button", { name: "Sign in" }));
    await screen.findByRole("heading", { name: "Pipeline" });
    expect(await screen.findByText("The books balance.")).toBeTruthy();
  });
});

describe("the live page", () => {
  const rows = () => screen.getAllByRole("row").slice(1);

  it("shows the newest calls first and opens one, by key as well", async () => {
    open("#/live");
    await screen.findByRole("table", { name: "Calls" });
    const newest = mock.events.at(-1);
    await waitFor(() => expect(rows()[0]?.getAttribute("data-call")).toBe(newest?.transaction_id));

    const user = userEvent.setup();
    await user.keyboard("jj{Enter}");
    await screen.findByRole("dialog", { name: /^Call / });
    expect(window.location.hash).toContain(rows()[1]?.getAttribute("data-call"));
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  });

  it("turns typed words into filters of the address", async () => {
    open("#/live");
    await screen.findByRole("table", { name: "Calls" });
    const user = userEvent.setup();
    await user.keyboard("/");
    expect(document.activeElement).toBe(screen.getByLabelText("Filter"));
    await user.keyboard("company:acme ");
    expect(window.location.hash).toBe("#/live?company=acme");
    await waitFor(() => expect(rows().every((row) => within(row).queryByText("acme"))).toBe(true));

    await user.click(screen.getByRole("button", { name: "Remove filter Company acme" }));
    expect(window.location.hash).toBe("#/live");
  });

  it("tells how to send the first call", async () => {
    open("#/live", { calls: 0 });
    const command = await screen.findByLabelText("Command");
    expect(command.textContent).toContain("X-Moesif-Application-Id: gm_");
    expect(command.textContent).toContain("/v1/events");
  });

  it("holds new calls back while paused", async () => {
    open("#/live");
    await screen.findByRole("table", { name: "Calls" });
    const user = userEvent.setup();
    await user.click(screen.getByRole("button", { name: "Pause" }));
    const before = rows().length;
    const first = mock.events.at(-1);
    if (!first) throw new Error("the sample is empty");
    mock.events.push({ ...first, transaction_id: "new", request: { ...first.request, time: new Date().toISOString() } });
    const more = await screen.findByRole("button", { name: "1 new call" }, { timeout: 4000 });
    expect(rows()).toHaveLength(before);
    await user.click(more);
    await waitFor(() => expect(rows()[0]?.getAttribute("data-call")).toBe("new"));
  });

  it("says that the connection is lost, and recovers", async () => {
    open("#/live");
    await screen.findByRole("table", { name: "Calls" });
    reachable = false;
    await screen.findByText(/Connection to the server lost/, undefined, { timeout: 4000 });
    expect(rows().length).toBeGreaterThan(0);
    reachable = true;
    await waitFor(() => expect(screen.queryByText(/Connection to the server lost/)).toBeNull(), { timeout: 6000 });
  });
});

describe("customers", () => {
  it("lists companies and tells which one stopped", async () => {
    open("#/customers", { calls: 3000 });
    const table = await screen.findByRole("table", { name: "Companies" });
    await waitFor(() => expect(within(table).getByText(/^Stopped/).closest("tr")?.textContent).toContain("initech"));
  });
});

describe("the session", () => {
  it("leads back to the sign-in when the server no longer knows it", async () => {
    open("#/pipeline");
    await screen.findByText("The books balance.");
    act(() => {
      mock.session = { ...mock.session, signed_in: false };
    });
    await screen.findByRole("heading", { name: "Sign in" }, { timeout: 6000 });
    cleanup();
  });
});
