/** A row for each stage: whose time it is, as parts of one bar; whose memory, as a bar each. */

import { scaleLinear } from "@visx/scale";
import { Legend } from "../charts/axes";
import { type Column, Frame, WIDTH } from "../charts/Frame";
import { count, ms, percent } from "../format";
import { databaseShare, requestMs, type Stage, type StageFigures, stages, whyNot } from "./measured";

const LEFT = 160;
const RIGHT = 120;
const STEP = 27;
const BAR = 16;

interface Part {
  className: string;
  name: string;
  value: number | null;
}

interface Row {
  stage: Stage;
  parts: Part[];
  words: string;
}

interface BarsProps {
  label: string;
  rows: Row[];
  most: number;
  /** Parts of one bar, or a thinner bar for each. */
  isOneBar: boolean;
  columns: Column<Row>[];
}

function StageBars({ label, rows, most, isOneBar, columns }: BarsProps) {
  const x = scaleLinear({ domain: [0, most], range: [0, WIDTH - LEFT - RIGHT] });
  const legend = rows.find((row) => row.parts.length > 0)?.parts ?? [];
  return (
    <>
      <Legend entries={legend.map(({ className, name }) => ({ className, text: name }))} />
      <Frame
        label={label}
        height={rows.length * STEP + 8}
        rows={rows}
        columns={[{ title: "stage", value: (row) => row.stage.name }, ...columns]}
      >
        {rows.map((row, index) => {
          const y = index * STEP + 4;
          const thick = isOneBar ? BAR : BAR / Math.max(1, row.parts.length);
          let before = 0;
          const bars = row.parts.map((part, at) => {
            const from = isOneBar ? before : 0;
            before = Math.max(before, from + (part.value ?? 0));
            return { ...part, from, y: isOneBar ? y : y + at * thick };
          });
          return (
            <g key={row.stage.name}>
              <text x={LEFT - 8} y={y + 13} textAnchor="end" className="small">
                {row.stage.name}
              </text>
              {bars.map((bar) => (
                <rect
                  key={bar.name}
                  x={LEFT + x(bar.from)}
                  y={bar.y}
                  width={x(bar.value ?? 0)}
                  height={isOneBar ? thick : thick - 1}
                  className={bar.className}
                >
                  <title>{`${row.stage.name}: ${bar.name}`}</title>
                </rect>
              ))}
              <text x={LEFT + x(before) + 8} y={y + 13} className="small">
                {row.words}
              </text>
            </g>
          );
        })}
      </Frame>
    </>
  );
}

const of = (size: string): { stage: Stage; figures: StageFigures }[] =>
  stages.flatMap((stage) => {
    const figures = stage.sizes[size];
    return figures ? [{ stage, figures }] : [];
  });

export function ShareBars({ report, size }: { report: string | undefined; size: string }) {
  const rows = of(size).map(({ stage, figures }): Row => {
    const share = databaseShare(figures, report);
    if (share === undefined) return { stage, parts: [], words: whyNot(figures, report) };
    return {
      stage,
      parts: [
        { className: "f0", name: "database", value: share },
        { className: "rest", name: "Python", value: 1 - share },
      ],
      words: `${percent(share)} of ${ms(requestMs(figures, report))}`,
    };
  });
  return (
    <StageBars
      label="The database's share of request time, for each stage"
      rows={rows}
      most={1}
      isOneBar
      columns={[{ title: "database", value: (row) => row.words }]}
    />
  );
}

export function MemoryBars({ size }: { size: string }) {
  const rows = of(size).map(({ stage, figures: { memory } }): Row => {
    const parts = [
      { className: "f0", name: "backend", value: memory.backend },
      { className: "f1", name: "importer", value: memory.importer },
      { className: "f2", name: "database server", value: memory.database },
    ];
    const known = parts.flatMap((part) => part.value ?? []);
    if (known.length === 0) return { stage, parts: [], words: "not measured" };
    return { stage, parts, words: count(Math.round(Math.max(...known))) };
  });
  const most = Math.max(1, ...rows.flatMap((row) => row.parts.map((part) => part.value ?? 0)));
  const column = (name: string): Column<Row> => ({
    title: `${name}, MiB`,
    value: (row) => {
      const value = row.parts.find((part) => part.name === name)?.value;
      return value == null ? "–" : count(Math.round(value));
    },
    isNumber: true,
  });
  return (
    <StageBars
      label="Highest memory of backend, importer and database server, for each stage"
      rows={rows}
      most={most}
      isOneBar={false}
      columns={["backend", "importer", "database server"].map(column)}
    />
  );
}
