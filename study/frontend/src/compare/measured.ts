/** What `python -m study.bench report` wrote of the committed results; its module study/bench/measured.py says what each is. */

import written from "./measured.json";

/** Median over the repeats, lowest, highest. */
export type Spread = [median: number, low: number, high: number];

export interface ReportFigures {
  request_p50_ms: Spread;
  request_p95_ms: Spread;
  database_p50_ms: number;
}

export interface StageFigures {
  reports: Record<string, ReportFigures>;
  missing: Record<string, string>;
  memory: { importer: number; backend: number; database: number | null } | null;
  orders_per_s: number | null;
  bytes_per_order: number | null;
}

export type Kind = "sqlite" | "postgresql" | "mongodb" | "kafka+mongodb";

export interface Stage {
  number: string;
  name: string;
  title: string;
  kind: string;
  database: Kind;
  sizes: Record<string, StageFigures>;
}

export interface Size {
  name: string;
  orders: number;
  measured: string;
  machine: string;
}

export const { sizes, stages } = written as unknown as { sizes: Size[]; stages: Stage[] };

export const REPORTS = ["days", "hours", "states", "items", "sizes", "league", "floor"] as const;

/** The one whose p95 is highest; undefined where one of the reports has no figures. */
export function slowest(figures: StageFigures): Spread | undefined {
  const found = REPORTS.map((name) => figures.reports[name]?.request_p95_ms);
  if (found.some((each) => !each)) return undefined;
  return (found as Spread[]).reduce((worst, each) => (each[0] > worst[0] ? each : worst));
}

/** p95 of a report, or of the slowest of all. */
export function waited(figures: StageFigures, report: string | undefined): Spread | undefined {
  return report ? figures.reports[report]?.request_p95_ms : slowest(figures);
}

/** The database's part of the time of all reports together, or of one; undefined without figures. */
export function databaseShare(figures: StageFigures, report: string | undefined): number | undefined {
  const names = report ? [report] : REPORTS;
  const found = names.map((name) => figures.reports[name]).filter((each) => each !== undefined);
  const request = found.reduce((sum, each) => sum + each.request_p50_ms[0], 0);
  return request ? found.reduce((sum, each) => sum + each.database_p50_ms, 0) / request : undefined;
}
