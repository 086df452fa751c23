import { describe, expect, test } from "vitest";
import { type Choice, format, parse } from "./choice";

describe("the URL holds the choice", () => {
  test("what is formatted is parsed again", () => {
    const choice: Choice = {
      page: "stages",
      stage: "09",
      tenant: "613df585-583c-4814-a78e-6e326a888ac6",
      from: "2026-06-21",
      to: "2026-07-01",
      facility: "F02",
      report: "days",
      size: "M",
    };
    expect(parse(format(choice))).toEqual(choice);
  });

  test("without a query there is a first choice", () => {
    expect(parse("")).toEqual({ page: "reports", stage: "03" });
  });

  test.each([
    ["?stage=third", "stage"],
    ["?from=yesterday", "from"],
    ["?to=2026-13-45", "to"],
    ["?from=2026-02-30", "from"],
    ["?from=1782864000", "from"],
  ])("%s is as if it were not there", (search, name) => {
    expect(parse(search)[name as keyof Choice]).toEqual(parse("")[name as keyof Choice]);
  });
});
