import { describe, expect, it } from "vitest";
import { checkCommand, deletedRows, wouldDelete, type Receipt } from "./receipt";

describe("an erasure", () => {
  it("says what it would delete", () => {
    expect(wouldDelete({ profile: true, events: 1, bodies: 0, actions: 0, rollups: 3 })).toBe("1 call and the profile");
    expect(wouldDelete({ profile: true, events: 1200, bodies: 30, actions: 1, rollups: 3 })).toBe("1,200 calls (30 with bodies), 1 action and the profile");
    expect(wouldDelete({ profile: false, events: 0, bodies: 0, actions: 0, rollups: 0 })).toBe("");
  });

  it("has a receipt that tells of what there was, most important first", () => {
    expect(deletedRows({ new_table: 2, users: 1, bodies: 0, events: 30 })).toEqual([{ name: "Calls", rows: 30 }, { name: "Profiles of users", rows: 1 }, { name: "new table", rows: 2 }]);
  });

  it("can be checked by whoever knows the id, whatever is in it", () => {
    const receipt = { salt: "SALT", kind: "user" } as Receipt;
    expect(checkCommand(receipt)).toBe("printf %s 'SALT:user:ID' | sha256sum");
    expect(checkCommand(receipt, "o'brien")).toBe("printf %s 'SALT:user:o'\\''brien' | sha256sum");
  });
});
