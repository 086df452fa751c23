/** Orders by state: a tile each, about where the state is, so that small ones are seen as well as large ones. */

import { count } from "../format";
import { Frame, WIDTH } from "./Frame";

// Column and row of each state's tile.
const ROWS = [
  "AK .. .. .. .. .. .. .. .. .. ME",
  ".. .. .. .. .. .. .. .. .. VT NH",
  "WA ID MT ND MN IL WI MI NY RI MA",
  "OR NV WY SD IA IN OH PA NJ CT ..",
  "CA UT CO NE MO KY WV VA MD DE ..",
  ".. AZ NM KS AR TN NC SC .. .. ..",
  ".. .. .. OK LA MS AL GA .. .. ..",
  "HI .. .. TX .. .. .. .. FL .. ..",
];

const SIZE = 44;
const STRONGEST = 0.6; // more, and the text on it could not be read
const LEFT = (WIDTH - 11 * SIZE) / 2;
const HEIGHT = ROWS.length * SIZE + 4;

export const PLACES = ROWS.flatMap((row, down) =>
  row
    .split(" ")
    .map((state, across) => ({ state, across, down }))
    .filter((each) => each.state !== ".."),
);

interface StateRow {
  state: string;
  orders: number;
}

export function Tiles({ rows }: { rows: readonly StateRow[] }) {
  const known = new Map(rows.map((row) => [row.state, row.orders]));
  const most = Math.max(1, ...rows.map((row) => row.orders));
  return (
    <Frame
      label={`Orders in each of ${rows.length} states`}
      height={HEIGHT}
      rows={rows}
      columns={[
        { title: "state", value: (row) => row.state },
        { title: "orders", value: (row) => count(row.orders), isNumber: true },
      ]}
    >
      {PLACES.map(({ state, across, down }) => {
        const orders = known.get(state) ?? 0;
        const share = Math.sqrt(orders / most);
        return (
          <g key={state} transform={`translate(${LEFT + across * SIZE} ${down * SIZE + 2})`}>
            <title>{`${state}: ${count(orders)} orders`}</title>
            <rect width={SIZE - 3} height={SIZE - 3} rx={4} className="tile" />
            <rect width={SIZE - 3} height={SIZE - 3} rx={4} className="f0" opacity={STRONGEST * share} />
            <text
              x={(SIZE - 3) / 2}
              y={18}
              className={share > 0.55 ? "on-tile" : undefined}
              textAnchor="middle"
            >
              {state}
            </text>
            <text x={(SIZE - 3) / 2} y={33} className="small" textAnchor="middle">
              {count(orders)}
            </text>
          </g>
        );
      })}
    </Frame>
  );
}
