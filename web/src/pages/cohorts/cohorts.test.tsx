import { configure, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Mock } from "../../../dev/mock";
import { newQueryClient } from "../../api/queries";
import { Console } from "../../Console";

// A busy machine draws slowly.
configure({ asyncUtilTimeout: 4000 });

let mock: Mock;

function open(hash: string, prepare: (mock: Mock) => void = () => undefined) {
  mock = new Mock({ calls: 300, rate: 0 });
  prepare(mock);
  vi.stubGlobal("fetch", (target: string, init: RequestInit) => {
    const { status, body } = mock.answer(init.method ?? "GET", target, init.body ? JSON.parse(init.body as string) : undefined);
    return Promise.resolve(new Response(JSON.stringify(body), { status }));
  });
  window.location.hash = hash;
  render(<Console client={newQueryClient()} />);
}

const busy = { name: "Busy", kind: "company", criteria: { match: "all", conditions: [{ usage: { measure: "calls", op: "at_least", value: 1, hours: 168 } }] } };

beforeEach(() => {
  localStorage.clear();
  Element.prototype.scrollIntoView = () => undefined;
});

describe("cohorts", { timeout: 60_000 }, () => {
  it("begin with an example, show who would be in, and are saved", async () => {
    open("#/cohorts");
    const user = userEvent.setup({ delay: null });
    await user.click(await screen.findByRole("link", { name: /Heavy users/ }));
    await screen.findByRole("heading", { name: "New cohort" });
    expect((screen.getByLabelText<HTMLInputElement>("Name")).value).toBe("Heavy users");
    const preview = screen.getByRole("region", { name: "Preview" });
    await within(preview).findByText(/0 companies/);

    const number = screen.getByLabelText("Number");
    await user.clear(number);
    await within(preview).findByText(/Fill in the conditions/);
    await user.type(number, "1");
    await within(preview).findByRole("table", { name: "Companies" });

    await user.clear(screen.getByLabelText("Name"));
    await user.click(screen.getByRole("button", { name: "Create the cohort" }));
    await screen.findByText("Give it a name");
    await user.type(screen.getByLabelText("Name"), "refused");
    await user.click(screen.getByRole("button", { name: "Create the cohort" }));
    expect((await screen.findByRole("alert")).textContent).toContain("is refused");
    await user.clear(screen.getByLabelText("Name"));
    await user.type(screen.getByLabelText("Name"), "Everybody who calls");
    await user.click(screen.getByRole("button", { name: "Create the cohort" }));
    await screen.findByRole("heading", { name: "Everybody who calls" });
    expect(window.location.hash).toBe("#/cohorts/co_1");
    expect(mock.cohorts.list[0]?.criteria.conditions[0]?.usage?.value).toBe(1);
    await within(await screen.findByRole("region", { name: "Members" })).findByRole("link", { name: "acme" });
  });

  it("are edited by adding, changing and removing conditions", async () => {
    open("#/cohorts/co_1/edit", (m) => m.answer("POST", "/api/v1/cohorts", busy));
    const user = userEvent.setup({ delay: null });
    await screen.findByRole("heading", { name: "Edit the cohort" });
    await user.click(screen.getByRole("button", { name: "Add what their profile says" }));
    const second = await screen.findByRole("group", { name: "Condition 2" });
    await user.type(within(second).getByLabelText("Field of the profile", { selector: "input" }), "id");
    await user.type(within(second).getByLabelText("Values", { selector: "input" }), "acme{Enter}");
    const preview = screen.getByRole("region", { name: "Preview" });
    await within(preview).findByText("1 company");
    await user.click(screen.getByRole("button", { name: "Remove condition 1" }));
    await user.click(screen.getByRole("button", { name: "Save" }));
    await waitFor(() => expect(mock.cohorts.list[0]?.criteria.conditions).toEqual([{ attribute: { field: "id", op: "is", values: ["acme"] } }]));
  });

  it("are deleted only after it was confirmed", async () => {
    open("#/cohorts/co_1", (m) => m.answer("POST", "/api/v1/cohorts", busy));
    const user = userEvent.setup({ delay: null });
    await user.click(await screen.findByRole("button", { name: "Delete" }));
    await user.click(await screen.findByRole("button", { name: "Keep it" }));
    expect(mock.cohorts.list).toHaveLength(1);
    await user.click(await screen.findByRole("button", { name: "Delete" }));
    await user.click(await screen.findByRole("button", { name: "Delete the cohort" }));
    await screen.findByRole("heading", { name: "No cohorts yet" });
    expect(mock.cohorts.list).toHaveLength(0);
  });

  it("say so when they are gone", async () => {
    open("#/cohorts/co_9");
    await screen.findByText(/There is no cohort here/);
  });
});
