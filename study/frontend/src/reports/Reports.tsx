/** The cards of all reports. */

import { Bars } from "../charts/Bars";
import { Lines } from "../charts/Lines";
import { Ranking } from "../charts/Ranking";
import { Tiles } from "../charts/Tiles";
import { hours, minutes, sizes } from "../charts/times";
import { addDays, at, clock, count, day } from "../format";
import { Card } from "./Card";
import type { Asked } from "./range";

const HOUR_MS = 3600 * 1000;

interface ReportsProps {
  base: string;
  asked: Asked;
}

export function Reports({ base, asked }: ReportsProps) {
  const { tenant, from, to, facility, day: floorDay } = asked;
  const span = { tenant: tenant.id, from, to };
  const range: [number, number] = [at(from).getTime(), at(to).getTime()];
  const floorStart = at(floorDay).getTime();
  const floorRange: [number, number] = [floorStart, at(addDays(floorDay, 1)).getTime()];
  return (
    <div className="cards">
      <Card base={base} report="days" title="Orders and units a day" query={span}>
        {(rows) => <Lines rows={rows} from={from} to={to} />}
      </Card>
      <Card base={base} report="hours" title="Orders an hour" query={span}>
        {(rows) => (
          <Bars
            label={`Orders in each of ${rows.length} hours`}
            places={hours(rows)}
            domain={range}
            tick={(value) => day(new Date(value))}
            tickValues={midnights(range)}
            unit="hour"
          />
        )}
      </Card>
      <Card base={base} report="states" title="Orders by state" query={span}>
        {(rows) => <Tiles rows={rows} />}
      </Card>
      <Card base={base} report="sizes" title="Units of an order" query={span}>
        {(rows) => {
          const places = sizes(rows);
          const end = Math.max(...places.map((each) => each.to));
          return (
            <Bars
              label="How many orders have how many units"
              places={places}
              domain={[0.5, end]}
              tick={count}
              unit="units"
            />
          );
        }}
      </Card>
      <Card base={base} report="items" title="Top items" query={span}>
        {(rows) => (
          <Ranking
            what="item"
            value="units"
            besides="orders"
            rows={rows.map((row) => ({
              id: row.item_id,
              name: row.item_id,
              value: row.units,
              besides: row.orders,
            }))}
          />
        )}
      </Card>
      <Card base={base} report="league" title="Tenants by orders" query={{ from, to }}>
        {(rows) => (
          <Ranking
            what="tenant"
            value="orders"
            besides="units"
            rows={rows.map((row) => ({
              id: row.tenant,
              name: row.tenant.slice(0, 8),
              title: row.tenant,
              value: row.orders,
              besides: row.units,
              isMarked: row.tenant === tenant.id,
            }))}
          />
        )}
      </Card>
      <Card
        base={base}
        report="floor"
        title={`Facility floor: ${facility}, ${floorDay}, by the minute`}
        query={{ tenant: tenant.id, facility, day: floorDay }}
      >
        {(rows) => (
          <Bars
            label={`Orders in each of ${rows.length} minutes`}
            places={minutes(rows)}
            domain={floorRange}
            tick={(value) => clock(new Date(value))}
            tickValues={[0, 4, 8, 12, 16, 20, 24].map((hour) => floorStart + hour * HOUR_MS)}
            unit="minute"
          />
        )}
      </Card>
      <Card base={base} report="no-database" title="An answer without a database" query={span}>
        {() => (
          <p>
            What Python, the framework and JSON take by themselves: made-up rows, no question to a database.
            Compare its time with the others'.
          </p>
        )}
      </Card>
    </div>
  );
}

/** At most eight, evenly, as ticks of an axis of time. */
function midnights([from, to]: [number, number]): number[] {
  const dayMs = 24 * HOUR_MS;
  const days = Math.round((to - from) / dayMs);
  const step = Math.max(1, Math.ceil(days / 7));
  return Array.from({ length: Math.floor(days / step) + 1 }, (_, number) => from + number * step * dayMs);
}
