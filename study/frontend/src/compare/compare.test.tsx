import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { parse } from "../choice";
import { apart, decades, labelPlaces, type Point, points } from "./Growth";
import { databaseShare, type StageFigures, sizes, slowest, stages, whyNot } from "./measured";
import { StagesPage } from "./StagesPage";

const figures = (ms: number): StageFigures => ({
  reports: Object.fromEntries(
    ["days", "hours", "states", "items", "sizes", "league", "floor"].map((name, number) => [
      name,
      {
        request_p50_ms: [ms, ms, ms],
        request_p95_ms: [ms + number, ms, ms + number],
        database_p50_ms: ms / 4,
        database_share: 0.3,
      },
    ]),
  ),
  measured: "2026-11-25",
  missing: {},
  memory: { backend: null, importer: null, database: null },
});

test("the slowest report is the one with the highest p95", () => {
  expect(slowest(figures(10))).toEqual([16, 10, 16]);
});

test("a report without figures leaves the slowest unknown", () => {
  const { days: _, ...others } = figures(10).reports;
  expect(slowest({ ...figures(10), reports: others })).toBeUndefined();
});

test("the database's share is of all reports together, or of one", () => {
  expect(databaseShare(figures(8), undefined)).toBeCloseTo(0.25);
  expect(databaseShare(figures(8), "days")).toBe(0.3);
});

test("a report without figures leaves the share of all unknown, and says why", () => {
  const { days: _, ...others } = figures(8).reports;
  const lame = { ...figures(8), reports: others, missing: { days: "timed out" } };
  expect(databaseShare(lame, undefined)).toBeUndefined();
  expect(databaseShare(lame, "hours")).toBe(0.3);
  expect(whyNot(lame, "days")).toBe("timed out");
  expect(whyNot(lame, "hours")).toBe("not measured");
});

test("axes span whole decades", () => {
  expect(decades([2.1, 68])).toEqual([1, 10, 100]);
  expect(decades([5, 5])).toEqual([1, 10]);
});

test("labels do not cover each other", () => {
  expect(apart([10, 12, 50], 13, 100)).toEqual([10, 23, 50]);
  expect(apart([50, 12, 10], 13, 100)).toEqual([50, 23, 10]);
  expect(apart([95, 96, 97], 13, 100)).toEqual([74, 87, 100]);
});

test("only names at the ends of one size move each other", () => {
  const ends = [0, 0, 1].map((size) => ({ stage: stages[0], size: sizes[size], ms: [10, 10, 10] }) as Point);
  expect(labelPlaces([...ends, undefined], (end) => end.ms[0])).toEqual([10, 23, 10, 0]);
});

test("every stage that was measured is on the page, from the committed results", () => {
  render(<StagesPage choice={parse("?page=stages")} change={() => undefined} />);
  const chart = screen.getByRole("img", { name: /p95 of the slowest report/ });
  expect(chart.querySelectorAll("circle")).toHaveLength(points(undefined).length);
  expect(points(undefined).length).toBeGreaterThan(0);
  for (const { name } of stages) expect(screen.getAllByText(name).length).toBeGreaterThan(0);
});

test("a size that was not measured is replaced by the largest that was", () => {
  render(<StagesPage choice={parse("?page=stages&size=XXL")} change={() => undefined} />);
  expect(screen.getByLabelText<HTMLSelectElement>("Size").value).not.toBe("XXL");
});
