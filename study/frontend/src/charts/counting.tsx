/** What charts of numbers over time or size have in common: their measures, the scale of the numbers, both axes. */

import { scaleLinear } from "@visx/scale";
import type { ComponentProps } from "react";
import { count } from "../format";
import { Below, Beside } from "./axes";
import { WIDTH } from "./Frame";

export const HEIGHT = 230;
const LEFT = 56;
const RIGHT = 28;
export const BOTTOM = 200;
/** From where to where a chart's other scale goes. */
export const ACROSS: [number, number] = [LEFT, WIDTH - RIGHT];

/** From 0 to at least 1. */
export const countScale = (values: readonly number[]) =>
  scaleLinear({ domain: [0, Math.max(1, ...values)], range: [BOTTOM, 12], nice: true });

type AxesProps = Pick<ComponentProps<typeof Below>, "tickFormat" | "tickValues"> & {
  x: ComponentProps<typeof Below>["scale"];
  y: ReturnType<typeof countScale>;
};

/** Ticks are those of the axis below; the numbers' own are theirs. */
export function Axes({ x, y, ...ticks }: AxesProps) {
  return (
    <>
      <Beside
        scale={y}
        left={LEFT}
        width={WIDTH - LEFT - RIGHT}
        tickFormat={(value) => count(Number(value))}
      />
      <Below scale={x} top={BOTTOM} numTicks={7} {...ticks} />
    </>
  );
}
