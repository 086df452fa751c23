/** Rows of reports as places on an axis of time or of sizes. */

import type { Counted, CountedUnits } from "../api";
import { at, clock, count, dayOfWeek } from "../format";
import type { Place } from "./Bars";

const HOUR_MS = 3600 * 1000;
const MINUTE_MS = 60 * 1000;
const MOST_BARS = 40;

export function hours(rows: readonly (Counted & { hour: string })[]): Place[] {
  return rows.map((row) => place(row.hour, HOUR_MS, row.orders));
}

export function minutes(rows: readonly (Counted & { minute: string })[]): Place[] {
  return rows.map((row) => place(row.minute, MINUTE_MS, row.orders));
}

function place(text: string, wide: number, orders: number): Place {
  const moment = at(text);
  const from = moment.getTime();
  return { from, to: from + wide, orders, name: `${dayOfWeek(moment)} ${clock(moment)}` };
}

/** One bar for each number of units, or for a few together where orders are large. */
export function sizes(rows: readonly CountedUnits[]): Place[] {
  const largest = Math.max(1, ...rows.map((row) => row.units));
  const step = Math.ceil(largest / MOST_BARS);
  const sums = new Map<number, number>();
  for (const row of rows) {
    const bin = Math.floor((row.units - 1) / step);
    sums.set(bin, (sums.get(bin) ?? 0) + row.orders);
  }
  return [...sums].map(([bin, orders]) => {
    const first = bin * step + 1;
    const name = step === 1 ? count(first) : `${count(first)}–${count(first + step - 1)}`;
    return { from: first - 0.5, to: first + step - 0.5, orders, name };
  });
}
