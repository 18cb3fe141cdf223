import { describe, expect, it } from "vitest";
import { fault, fromWire, inWords, newCondition, testsOf, toWire, type Condition, type Test } from "./condition";
import { bodyWith, draftOf, faults, messageOf, newDraft, ruleOf, sentence, type Rule } from "./draft";

const condition = (test: Test, text: string, field: Condition["field"] = "path", name = ""): Condition => ({ field, name, test, text });

describe("a condition", () => {
  it("comes back in the words it was written in", () => {
    for (const text of ["/orders", "/a.b+c(d)", "^$", "a|b", "back\\slash", "{x}", "ünï", "*****"]) {
      for (const test of ["is", "starts", "contains", "ends"] as const) {
        const c = condition(test, text, "header", "X-Plan");
        expect(fromWire(toWire(c))).toEqual(c);
      }
    }
    expect(fromWire(toWire(condition("one", "GET, POST", "verb")))).toEqual(condition("one", "GET, POST", "verb"));
    expect(fromWire(toWire(condition("one", "a|b, c.d")))).toEqual(condition("one", "a|b, c.d"));
  });

  it("says what it means, as an expression", () => {
    expect(toWire(condition("starts", "/a.b"))).toEqual({ path: "request.route", value: "^/a\\.b" });
    expect(toWire(condition("one", "get,post", "verb"))).toEqual({ path: "request.verb", value: "^(?:GET|POST)$" });
    expect(toWire(condition("is", "gold", "body", "plan.name"))).toEqual({ path: "request.body.plan.name", value: "^gold$" });
  });

  it("of somebody else stays the expression it is", () => {
    for (const value of ["^/orders/[0-9]+$", "(?i)bot", "a.b", "^(?:a|b.*)$", "^(?:)$", "a\\d", "", "^", "$", "^$", "x\\", "^(?:a,b|c)$", "^get$"]) {
      const path = value === "^get$" ? "request.verb" : "request.route";
      const c = fromWire({ path, value });
      expect(c.test).toBe("regex");
      expect(toWire(c)).toEqual({ path, value });
    }
  });

  it("needs a name and a text", () => {
    expect(fault(newCondition("header"))).toBe("Name the header");
    expect(fault(newCondition("path"))).toBe("Say what to look for");
    expect(fault(condition("one", " , "))).toBe("Say what to look for");
    expect(fault(condition("is", "x"))).toBeUndefined();
    expect(testsOf("verb")).not.toContain("starts");
    // What another program wrote is shown as it is, and not as the first of the choices.
    const verb = fromWire({ path: "request.verb", value: "PUT" });
    expect(testsOf("verb", verb.test)).toEqual(["is", "one", "regex", "contains"]);
  });

  it("reads like a sentence", () => {
    expect(inWords(condition("one", "GET,POST", "verb"))).toBe("the verb is one of GET, POST");
    expect(inWords(condition("starts", "/orders"))).toBe("the path begins with “/orders”");
  });
});

const rule: Rule = {
  id: "r1", name: "Free plan", type: "company", cohort: "", state: "on", block: true, applied_to: "not_matching", applied_to_unidentified: true,
  variables: [{ name: "0", path: "body.plan" }],
  regex_config: [{ conditions: [{ path: "request.verb", value: "^POST$" }, { path: "request.body.a", value: "x+" }] }, { conditions: [] }],
  response: { status: 402, headers: { "X-Plan": "{{0}}" }, body: { error: "{{0}}", more: [1, null] } },
  customers: [{ id: "acme", values: { 0: "free" } }],
  state_since: "2026-11-22T10:00:00Z", created_at: "2026-11-22T10:00:00Z", updated_at: "2026-11-22T10:00:00Z",
};

describe("a draft", () => {
  it("is sent back as the rule was read", () => {
    const times = { id: rule.id, state_since: rule.state_since, created_at: rule.created_at, updated_at: rule.updated_at };
    expect({ ...ruleOf(draftOf(rule), "on"), ...times }).toEqual(rule);
  });

  it("keeps rules for nobody in particular what they are", () => {
    const unidentified: Rule = { ...rule, type: "user", applied_to: "matching", customers: [], applied_to_unidentified: true };
    expect(draftOf(unidentified).who).toBe("unidentified");
    expect(ruleOf(draftOf(unidentified))).toMatchObject({ type: "user", applied_to: "matching", applied_to_unidentified: true, customers: [] });
    const anyone: Rule = { ...rule, type: "regex", applied_to: "matching", customers: [], applied_to_unidentified: false };
    expect(ruleOf(draftOf(anyone))).toMatchObject({ type: "regex", applied_to: "matching", applied_to_unidentified: false });
    const nobody: Rule = { ...rule, type: "company", applied_to: "matching", customers: [], applied_to_unidentified: true };
    expect(ruleOf(draftOf(nobody))).toMatchObject({ type: "company", applied_to: "matching", applied_to_unidentified: true });
  });

  it("drops customers and values that do not belong to it any more", () => {
    const d = draftOf(rule);
    expect(ruleOf({ ...d, who: "everyone" })).toMatchObject({ type: "regex", applied_to: "matching", customers: [] });
    expect(ruleOf({ ...d, tags: [] })).toMatchObject({ customers: [{ id: "acme", values: {} }] });
  });

  it("says what is missing", () => {
    expect(faults(newDraft())).toEqual([{ part: "name", text: "Give the rule a name" }]);
    const bad = { ...newDraft(), name: "n", body: "{", status: 42, groups: [[newCondition()]], tags: [{ name: "a", path: "" }] };
    expect(faults(bad).map((one) => one.part)).toEqual(["when", "what", "what", "what"]);
  });

  it("has a sentence", () => {
    expect(sentence({ ...newDraft(), groups: [[condition("starts", "/orders")]] })).toBe("Answers 403 for everybody, when the path begins with “/orders”");
    expect(sentence(draftOf(rule))).toContain("for all companies except acme, and callers who are not identified");
    expect(sentence({ ...newDraft(), who: "users", block: false, customers: [{ id: "ada", values: {} }] })).toBe("Does nothing for ada");
  });

  it("has a plain message where its body is one", () => {
    expect(messageOf(bodyWith("No \"more\""))).toBe("No \"more\"");
    for (const body of ["{}", "[]", '"x"', "{", '{"error":1}', '{"error":"x","y":1}']) expect(messageOf(body)).toBeUndefined();
  });
});
