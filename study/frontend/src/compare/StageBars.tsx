/** One bar a stage, made of parts: whose time it is, whose memory. */

import { scaleLinear } from "@visx/scale";
import { Legend } from "../charts/axes";
import { Frame, WIDTH } from "../charts/Frame";
import { count, mib, ms, percent } from "../format";
import { databaseShare, REPORTS, type Stage, type StageFigures, stages } from "./measured";

const LEFT = 160;
const RIGHT = 120;
const STEP = 27;
const BAR = 16;

interface Part {
  className: string;
  value: number;
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
  entries: { className: string; text: string }[];
  what: string;
}

function StageBars({ label, rows, most, entries, what }: BarsProps) {
  const x = scaleLinear({ domain: [0, most], range: [0, WIDTH - LEFT - RIGHT] });
  return (
    <>
      <Legend entries={entries} />
      <Frame
        label={label}
        height={rows.length * STEP + 8}
        rows={rows}
        columns={[
          { title: "stage", value: (row) => row.stage.name },
          { title: what, value: (row) => row.words },
        ]}
      >
        {rows.map((row, index) => {
          const y = index * STEP + 4;
          let across = LEFT;
          return (
            <g key={row.stage.name}>
              <text x={LEFT - 8} y={y + 13} textAnchor="end" className="small">
                {row.stage.name}
              </text>
              {row.parts.map((part) => {
                const from = across;
                across += x(part.value);
                return (
                  <rect
                    key={part.className}
                    x={from}
                    y={y}
                    width={x(part.value)}
                    height={BAR}
                    className={part.className}
                  />
                );
              })}
              <text x={across + 8} y={y + 13} className="small">
                {row.words}
              </text>
            </g>
          );
        })}
      </Frame>
    </>
  );
}

const of = (size: string) =>
  stages.flatMap((stage) => {
    const figures = stage.sizes[size];
    return figures ? [{ stage, figures }] : [];
  });

function why(figures: StageFigures): string {
  return Object.values(figures.missing)[0] ?? "not measured";
}

export function ShareBars({ report, size }: { report: string | undefined; size: string }) {
  const rows = of(size).map(({ stage, figures }): Row => {
    const share = databaseShare(figures, report);
    if (share === undefined) return { stage, parts: [], words: why(figures) };
    const names = report ? [report] : REPORTS;
    const all = names.reduce((sum, name) => sum + (figures.reports[name]?.request_p50_ms[0] ?? 0), 0);
    return {
      stage,
      parts: [
        { className: "f0", value: share },
        { className: "rest", value: 1 - share },
      ],
      words: `${percent(share)} of ${ms(all)}`,
    };
  });
  return (
    <StageBars
      label="The database's share of request time, for each stage"
      rows={rows}
      most={1}
      what="database"
      entries={[
        { className: "f0", text: "database" },
        { className: "rest", text: "Python" },
      ]}
    />
  );
}

export function MemoryBars({ size }: { size: string }) {
  const rows = of(size).map(({ stage, figures }): Row => {
    const memory = figures.memory;
    if (!memory) return { stage, parts: [], words: why(figures) };
    const parts = [
      { className: "f0", value: memory.backend },
      { className: "f1", value: memory.importer },
      { className: "f2", value: memory.database ?? 0 },
    ];
    const all = parts.reduce((sum, part) => sum + part.value, 0);
    return { stage, parts, words: mib(all) };
  });
  const most = Math.max(1, ...rows.map((row) => row.parts.reduce((sum, part) => sum + part.value, 0)));
  return (
    <StageBars
      label={`Memory of backend, importer and database server, at most ${count(Math.round(most))} MiB`}
      rows={rows}
      most={most}
      what="memory"
      entries={[
        { className: "f0", text: "backend" },
        { className: "f1", text: "importer" },
        { className: "f2", text: "database server" },
      ]}
    />
  );
}
