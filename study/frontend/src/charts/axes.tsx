/** Axes and legend, the same in every chart; colours are the page's, which knows light and dark. */

import { AxisBottom, AxisLeft } from "@visx/axis";
import { GridRows } from "@visx/grid";
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

interface BesideProps extends Pick<Left, "scale" | "left" | "tickFormat" | "tickValues"> {
  width: number;
}

export function Beside({ width, ...props }: BesideProps) {
  return (
    <>
      <GridRows
        scale={props.scale}
        left={props.left}
        width={width}
        numTicks={4}
        tickValues={props.tickValues}
        className="grid"
        stroke={undefined}
      />
      <AxisLeft
        {...props}
        numTicks={4}
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
