import { expect, it } from "vitest";
import type { Profile } from "../../api/types";
import { valueAt } from "./profile";

const profile = { user_id: "ada", name: "Ada", metadata: { plan: { name: "gold", seats: 5 }, "a.b": "dotted", a: { b: "nested", c: [1] }, off: false, none: null } } as unknown as Profile;

it.each([
  ["name", "Ada"],
  ["user_id", "ada"],
  ["body.plan.name", "gold"],
  ["metadata.plan.seats", "5"],
  ["body.a.b", "dotted"],
  ["body.a.c", "[1]"],
  ["body.off", "false"],
  ["body.none", ""],
  ["body.plan.nothing", ""],
  ["body.toString", ""],
  ["geo_ip.city_name", ""],
])("finds %s in a profile", (path, want) => expect(valueAt(profile, path)).toBe(want));
