/** Time against the number of orders, both on logarithmic axes: a straight line is a power, and its slope the exponent. */

import { scaleLog } from "@visx/scale";
import { LinePath } from "@visx/shape";
import { Below, Beside, Legend } from "../charts/axes";
import { Frame, WIDTH } from "../charts/Frame";
import { count, ms } from "../format";
import { colourOf, dashOf, TECHNOLOGIES } from "./looks";
import { type Size, type Spread, type Stage, sizes, stages, waited } from "./measured";

const HEIGHT = 380;
const LEFT = 56;
const RIGHT = 160;
const BOTTOM = 336;
const APART = 13;
const BESIDE = 3;
const LABEL = 22;

export interface Point {
  stage: Stage;
  size: Size;
  ms: Spread;
}

export function points(report: string | undefined): Point[] {
  return stages.flatMap((stage) =>
    sizes.flatMap((size) => {
      const figures = stage.sizes[size.name];
      const found = figures && waited(figures, report);
      return found ? [{ stage, size, ms: found }] : [];
    }),
  );
}

/** Powers of ten that lie around all values. */
export function decades(values: readonly number[]): number[] {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  return Array.from({ length: high - low + 1 }, (_, number) => 10 ** (low + number));
}

/** The places of labels, moved so that none covers another and none is below `most`. */
export function apart(places: readonly number[], least: number, most: number): number[] {
  const order = places.map((place, index) => ({ place, index })).sort((a, b) => a.place - b.place);
  const moved = [...places];
  let before = Number.NEGATIVE_INFINITY;
  for (const { place, index } of order) {
    before = Math.max(place, before + least);
    moved[index] = before;
  }
  let after = most + least;
  for (const { index } of order.reverse()) {
    after = Math.min(moved[index] ?? most, after - least);
    moved[index] = after;
  }
  return moved;
}

/** Where the name of each line stands, beside its end; only names of lines that end at one size can cover each other. */
export function labelPlaces(ends: readonly (Point | undefined)[], y: (end: Point) => number): number[] {
  const places = ends.map((end) => (end === undefined ? 0 : y(end)));
  for (const size of new Set(ends.map((end) => end?.size))) {
    const there = ends.flatMap((end, index) => (end?.size === size ? [index] : []));
    const moved = apart(
      there.map((index) => places[index] ?? 0),
      APART,
      BOTTOM,
    );
    there.forEach((index, number) => {
      places[index] = moved[number] ?? 0;
    });
  }
  return places;
}

export function Growth({ report }: { report: string | undefined }) {
  const all = points(report);
  if (all.length === 0) return <p className="empty">No stage has figures for this.</p>;
  const xTicks = decades(all.map((each) => each.size.orders));
  const yTicks = decades(all.flatMap((each) => [each.ms[1], each.ms[2]]));
  const x = scaleLog({ domain: [xTicks[0] ?? 1, xTicks.at(-1) ?? 10], range: [LEFT + 20, WIDTH - RIGHT] });
  const y = scaleLog({ domain: [yTicks[0] ?? 1, yTicks.at(-1) ?? 10], range: [BOTTOM, 16] });
  const lines = stages
    .map((stage) => ({ stage, line: all.filter((each) => each.stage === stage) }))
    .filter(({ line }) => line.length > 0);
  const labels = labelPlaces(
    lines.map(({ line }) => line.at(-1)),
    (each) => y(each.ms[0]),
  );
  return (
    <>
      <Legend entries={TECHNOLOGIES.map(({ name }, number) => ({ className: `f${number}`, text: name }))} />
      <Frame
        label={`p95 of ${report ?? "the slowest report"} against the number of orders, for each stage`}
        height={HEIGHT}
        rows={all}
        columns={[
          { title: "stage", value: (row) => row.stage.name },
          { title: "size", value: (row) => row.size.name },
          { title: "orders", value: (row) => count(row.size.orders), isNumber: true },
          { title: "p95", value: (row) => ms(row.ms[0]), isNumber: true },
          { title: "lowest–highest", value: (row) => `${ms(row.ms[1])}–${ms(row.ms[2])}`, isNumber: true },
        ]}
      >
        <Beside
          scale={y}
          left={LEFT + 20}
          width={WIDTH - RIGHT - LEFT - 20}
          tickValues={yTicks}
          tickFormat={(value) => count(Number(value))}
        />
        <Below
          scale={x}
          top={BOTTOM}
          tickValues={xTicks}
          tickFormat={(value) => count(Number(value))}
          label="orders in all"
        />
        {lines.map(({ stage, line }, index) => {
          const last = line.at(-1);
          const colour = colourOf(stage);
          // All stages have the same sizes: beside each other, their spreads can be told apart.
          const at = (each: Point) => x(each.size.orders) + (index - (lines.length - 1) / 2) * BESIDE;
          return (
            <g key={stage.name}>
              <LinePath
                data={line}
                x={at}
                y={(each) => y(each.ms[0])}
                className={`line s${colour}`}
                stroke={undefined}
                strokeDasharray={dashOf(stage)}
              />
              {line.map((each) => (
                <g key={each.size.name}>
                  <line
                    x1={at(each)}
                    x2={at(each)}
                    y1={y(each.ms[1])}
                    y2={y(each.ms[2])}
                    className={`spread s${colour}`}
                  />
                  <circle cx={at(each)} cy={y(each.ms[0])} r={4} className={`f${colour}`}>
                    <title>{`${stage.name}, ${each.size.name}: ${ms(each.ms[0])}`}</title>
                  </circle>
                </g>
              ))}
              {last && (
                <text x={x(last.size.orders) + LABEL} y={(labels[index] ?? 0) + 4} className="small">
                  {stage.name}
                </text>
              )}
            </g>
          );
        })}
      </Frame>
    </>
  );
}
