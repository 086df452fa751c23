/** Orders over time (hours, minutes) or over a number (units of an order): one bar each, at its place. */

import { scaleLinear } from "@visx/scale";
import { Bar } from "@visx/shape";
import { count } from "../format";
import { ACROSS, Axes, BOTTOM, countScale, HEIGHT } from "./counting";
import { type Column, Frame } from "./Frame";

const LEAST = 0.8;

export interface Place {
  /** Position on the axis, and how wide a bar is there. */
  from: number;
  to: number;
  orders: number;
  name: string;
}

interface BarsProps {
  label: string;
  places: readonly Place[];
  domain: [number, number];
  tick: (value: number) => string;
  tickValues?: number[];
  unit: string;
}

export function Bars({ label, places, domain, tick, tickValues, unit }: BarsProps) {
  const x = scaleLinear({ domain, range: ACROSS });
  const y = countScale(places.map((each) => each.orders));
  const columns: Column<Place>[] = [
    { title: unit, value: (each) => each.name },
    { title: "orders", value: (each) => count(each.orders), isNumber: true },
  ];
  return (
    <Frame label={label} height={HEIGHT} rows={places} columns={columns}>
      <Axes x={x} y={y} tickValues={tickValues} tickFormat={(value) => tick(Number(value))} />
      {places.map((each) => {
        const wide = x(each.to) - x(each.from);
        return (
          <Bar
            key={each.name}
            x={x(each.from)}
            y={y(each.orders)}
            width={Math.max(LEAST, wide > 4 ? wide - 1 : wide)}
            height={BOTTOM - y(each.orders)}
            className="f0"
            fill={undefined}
          >
            <title>{`${each.name}: ${count(each.orders)} orders`}</title>
          </Bar>
        );
      })}
    </Frame>
  );
}
