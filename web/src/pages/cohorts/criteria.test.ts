import { describe, expect, it } from "vitest";
import { complete, examples, hoursText, sentence, sizesOverTime } from "./criteria";

describe("criteria", () => {
  it("read as sentences", () => {
    expect(sentence({ usage: { measure: "calls", op: "at_least", value: 1000, hours: 168 } })).toBe("Calls at least 1,000 in the last 7 days");
    expect(sentence({ usage: { measure: "error_rate", op: "more_than", value: 5, hours: 1, verbs: ["post"], routes: ["/orders", "/x"], statuses: ["5xx"] } })).toBe(
      "Error rate more than 5% in the last 1 hour on POST, /orders or /x answered with 5xx",
    );
    expect(sentence({ usage: { measure: "since_last_call", op: "more_than", value: 36 } })).toBe("Time since the last call more than 36 hours");
    expect(sentence({ usage: { measure: "calls", op: "equal", value: 0 } })).toBe("Calls exactly 0 ever");
    expect(sentence({ attribute: { field: "metadata.plan", op: "is", values: ["free"] } })).toBe("plan is free");
    expect(sentence({ attribute: { field: "subscription.status", op: "is_not", values: ["active", "trialing"] } })).toBe("Subscription status is none of active or trialing");
    expect(sentence({ attribute: { field: "metadata.seats", op: "not_exists" } })).toBe("seats is not there");
    expect(sentence({})).toBe("");
    expect(hoursText(24)).toBe("1 day");
  });

  it("are asked about when there is enough of them", () => {
    for (const example of examples) expect(complete({ match: "all", conditions: example.conditions })).toBeDefined();
    expect(complete({ match: "all", conditions: [] })).toBeUndefined();
    expect(complete({ match: "all", conditions: [{ usage: { measure: "calls", op: "at_least", value: NaN } }] })).toBeUndefined();
    expect(complete({ match: "all", conditions: [{ attribute: { field: "", op: "exists" } }] })).toBeUndefined();
    expect(complete({ match: "any", conditions: [{ attribute: { field: "id", op: "is", values: [] } }] })).toBeUndefined();
    expect(complete({ match: "any", conditions: [{ attribute: { field: "id", op: "exists" } }] })).toBeDefined();
  });

  it("have sizes that last until the next one", () => {
    const at = (hour: number) => new Date(Date.UTC(2026, 10, 22, hour)).toISOString();
    const cohort = { created_at: at(0), members: 4, sizes: [{ t: at(0), members: 1 }, { t: at(5), members: 3 }] };
    expect(sizesOverTime(cohort, new Date(at(10)), 6).map((p) => p.members)).toEqual([1, 1, 1, 3, 3, 4]);
    expect(sizesOverTime({ ...cohort, sizes: [] }, new Date(at(0)), 2).map((p) => p.members)).toEqual([0, 4]);
  });
});
