import { render, screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { Bars } from "./Bars";
import { everyDay, Lines } from "./Lines";
import { PLACES, Tiles } from "./Tiles";
import { hours, sizes } from "./times";

test("a day without orders is zero, not left out", () => {
  const rows = [
    { day: "2026-06-28", orders: 2, units: 5 },
    { day: "2026-06-30", orders: 1, units: 1 },
  ];
  expect(everyDay(rows, "2026-06-28", "2026-07-01")).toEqual([
    rows[0],
    { day: "2026-06-29", orders: 0, units: 0 },
    rows[1],
  ]);
});

test("each day has a mark in both lines, with its number", () => {
  render(<Lines rows={[{ day: "2026-06-29", orders: 2, units: 5 }]} from="2026-06-29" to="2026-07-01" />);
  const chart = screen.getByRole("img", { name: "Orders and units on each of 2 days" });
  expect(chart.querySelectorAll("circle")).toHaveLength(4);
  expect(within(chart).getByText("Jun 29: 5 units")).toBeTruthy();
});

test("a bar is as high as its orders", () => {
  const places = hours([
    { hour: "2026-06-30T08:00:00Z", orders: 10 },
    { hour: "2026-06-30T09:00:00Z", orders: 5 },
  ]);
  render(
    <Bars
      label="hours"
      places={places}
      domain={[places[0]?.from ?? 0, places[1]?.to ?? 0]}
      tick={String}
      unit="hour"
    />,
  );
  const [first, second] = [...screen.getByRole("img", { name: "hours" }).querySelectorAll("rect")].map(
    (bar) => Number(bar.getAttribute("height")),
  );
  expect(first).toBeGreaterThan(0);
  expect(second).toBeCloseTo((first ?? 0) / 2);
  expect(screen.getByText("Tue, Jun 30 08:00: 10 orders")).toBeTruthy();
});

test("large orders share bars, and none is lost", () => {
  const rows = Array.from({ length: 120 }, (_, number) => ({ units: number + 1, orders: 1 }));
  const places = sizes(rows);
  expect(places).toHaveLength(40);
  expect(places.reduce((sum, each) => sum + each.orders, 0)).toBe(120);
  expect(places[0]).toMatchObject({ name: "1–3", orders: 3, from: 0.5, to: 3.5 });
});

test("all fifty states have a tile of their own", () => {
  expect(new Set(PLACES.map((each) => each.state)).size).toBe(50);
  expect(new Set(PLACES.map((each) => `${each.across} ${each.down}`)).size).toBe(50);
  render(<Tiles rows={[{ state: "CA", orders: 1234 }]} />);
  expect(screen.getByText("CA: 1,234 orders")).toBeTruthy();
  expect(screen.getByText("WY: 0 orders")).toBeTruthy();
});
