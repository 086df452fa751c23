/** Orders and units over days: two lines. Days without orders are zero, not left out. */

import { scaleUtc } from "@visx/scale";
import { LinePath } from "@visx/shape";
import type { CountedUnits } from "../api";
import { addDays, at, count, day } from "../format";
import { Legend } from "./axes";
import { ACROSS, Axes, countScale, HEIGHT } from "./counting";
import { Frame } from "./Frame";

export interface Day extends CountedUnits {
  day: string;
}

/** All days from `from` on, before `to`. */
export function everyDay(rows: readonly Day[], from: string, to: string): Day[] {
  const known = new Map(rows.map((row) => [row.day, row]));
  const days: Day[] = [];
  for (let date = from; date < to; date = addDays(date, 1)) {
    days.push(known.get(date) ?? { day: date, orders: 0, units: 0 });
  }
  return days;
}

export function Lines({ rows, from, to }: { rows: readonly Day[]; from: string; to: string }) {
  const days = everyDay(rows, from, to);
  const first = at(from);
  const last = at(days.at(-1)?.day ?? from);
  const x = scaleUtc({ domain: [first, last], range: ACROSS });
  const y = countScale(days.map((each) => each.units));
  const ticks = days.length <= 8 ? days.map((each) => at(each.day)) : undefined;
  return (
    <>
      <Legend
        entries={[
          { className: "f0", text: "orders" },
          { className: "f1", text: "units" },
        ]}
      />
      <Frame
        label={`Orders and units on each of ${days.length} days`}
        height={HEIGHT}
        rows={days}
        columns={[
          { title: "day", value: (row) => row.day },
          { title: "orders", value: (row) => count(row.orders), isNumber: true },
          { title: "units", value: (row) => count(row.units), isNumber: true },
        ]}
      >
        <Axes x={x} y={y} tickValues={ticks} tickFormat={(value) => day(value as Date)} />
        {(["orders", "units"] as const).map((what, index) => (
          <g key={what}>
            <LinePath
              data={days}
              x={(each) => x(at(each.day))}
              y={(each) => y(each[what])}
              className={`line s${index}`}
              stroke={undefined}
            />
            {days.map((each) => (
              <circle
                key={each.day}
                cx={x(at(each.day))}
                cy={y(each[what])}
                r={days.length > 40 ? 1.5 : 3}
                className={`f${index}`}
              >
                <title>{`${day(at(each.day))}: ${count(each[what])} ${what}`}</title>
              </circle>
            ))}
          </g>
        ))}
      </Frame>
    </>
  );
}
