/** Axes and legend, the same in every chart; colours are the page's, which knows light and dark. */

import { AxisBottom, AxisLeft } from "@visx/axis";
import { GridRows } from "@visx/grid";
import type { scaleLinear, scaleLog } from "@visx/scale";
import type { ComponentProps } from "react";

type Bottom = ComponentProps<typeof AxisBottom>;
type Left = ComponentProps<typeof AxisLeft>;

const LABEL = { className: "axis-label", fill: undefined, fontSize: undefined, fontFamily: undefined };

export function Below(
  props: Pick<Bottom, "scale" | "top" | "tickFormat" | "tickValues" | "numTicks" | "label">,
) {
  return (
    <AxisBottom
      {...props}
      axisClassName="axis"
      hideTicks
      tickLabelProps={{ ...LABEL, textAnchor: "middle" }}
      labelProps={LABEL}
      labelOffset={14}
    />
  );
}

interface BesideProps extends Pick<Left, "left" | "tickFormat" | "tickValues"> {
  scale: ReturnType<typeof scaleLinear<number>> | ReturnType<typeof scaleLog<number>>;
  width: number;
}

/** Of numbers of orders: no ticks between them. */
export function Beside({ width, ...props }: BesideProps) {
  const found =
    "ticks" in props.scale ? props.scale.ticks(4).filter((tick) => Number.isInteger(tick)) : undefined;
  const tickValues = props.tickValues ?? found;
  return (
    <>
      <GridRows
        scale={props.scale}
        left={props.left}
        width={width}
        tickValues={tickValues}
        className="grid"
        stroke={undefined}
      />
      <AxisLeft
        {...props}
        tickValues={tickValues}
        axisClassName="axis"
        hideAxisLine
        hideTicks
        tickLabelProps={{ ...LABEL, textAnchor: "end", dx: -4, dy: 4 }}
      />
    </>
  );
}

export function Legend({ entries }: { entries: readonly { className: string; text: string }[] }) {
  return (
    <ul className="legend">
      {entries.map((entry) => (
        <li key={entry.text}>
          <span className={`swatch ${entry.className}`} aria-hidden="true" />
          {entry.text}
        </li>
      ))}
    </ul>
  );
}
