import { expect, test } from "vitest";
import type { Info } from "../api";
import { parse } from "../choice";
import { asked, tenantNames, wrongRange } from "./range";

const info: Info = {
  stage: "03-sqlite-indexes",
  size: "S",
  seed: 1,
  first_day: "2026-06-21",
  end: "2026-07-01",
  named: { client: "a", largest: "b", smallest: "a" },
  tenants: [
    { id: "c", group: "rest", orders: 9000, facilities: ["F01"] },
    { id: "b", group: "floor", orders: 5000, facilities: ["F01", "F02"] },
    { id: "a", group: "client", orders: 250, facilities: ["F01"] },
  ],
};

test("without a choice it is the client's last week", () => {
  expect(asked(parse(""), info)).toMatchObject({
    tenant: { id: "a" },
    from: "2026-06-24",
    to: "2026-07-01",
    day: "2026-06-30",
  });
});

test("the week does not begin before the orders do", () => {
  expect(asked(parse("?to=2026-06-25"), info)?.from).toBe("2026-06-21");
});

test("a tenant and a facility that this stage does not have are replaced", () => {
  expect(asked(parse("?tenant=gone&facility=F07"), info)).toMatchObject({
    tenant: { id: "a" },
    facility: "F01",
  });
  expect(asked(parse("?tenant=b&facility=F02"), info)).toMatchObject({
    tenant: { id: "b" },
    facility: "F02",
  });
});

test("that a tenant was replaced is known", () => {
  expect(asked(parse("?tenant=gone"), info)?.missing).toBe("gone");
  expect(asked(parse("?tenant=b"), info)?.missing).toBeUndefined();
});

test("no tenants, nothing to ask", () => {
  expect(asked(parse(""), { ...info, tenants: [] })).toBeUndefined();
});

test("from has to be before to", () => {
  expect(wrongRange("2026-06-30", "2026-07-01")).toBeUndefined();
  expect(wrongRange("2026-07-01", "2026-07-01")).toContain("2026-07-01 is not before 2026-07-01");
});

test("a range is no longer than can be drawn", () => {
  expect(wrongRange("2025-07-01", "2026-07-01")).toBeUndefined();
  expect(wrongRange("0002-01-01", "2026-07-01")).toBe("At most 400 days are shown at once.");
});

test("those with a name come first, then the larger ones", () => {
  expect(tenantNames(info).map(({ id }) => id)).toEqual(["b", "a", "c"]);
  expect(tenantNames(info)[1]?.name).toBe("client · smallest · 250 orders · a");
});
