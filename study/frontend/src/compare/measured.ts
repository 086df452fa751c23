/** What `python -m study.bench report` wrote of the committed results; its module study/bench/measured.py says what each is. */

import written from "./measured.json";

/** Median over the repeats, lowest, highest. */
export type Spread = [median: number, low: number, high: number];

export interface ReportFigures {
  request_p50_ms: Spread;
  request_p95_ms: Spread;
  database_p50_ms: number;
  database_share: number;
}

export interface StageFigures {
  /** The day. */
  measured: string;
  reports: Record<string, ReportFigures>;
  missing: Record<string, string>;
  memory: Memory;
}

/** Peaks in MiB, each process's own; they are not at the same time. */
export interface Memory {
  backend: number | null;
  importer: number | null;
  database: number | null;
}

export type Database = "sqlite" | "postgresql" | "mongodb" | "kafka+mongodb";

export interface Stage {
  number: string;
  name: string;
  title: string;
  kind: string;
  database: Database;
  sizes: Record<string, StageFigures>;
}

export interface Size {
  name: string;
  orders: number;
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

/** The database's part of a report's time, or of all reports' together; undefined where one has no figures. */
export function databaseShare(figures: StageFigures, report: string | undefined): number | undefined {
  if (report) return figures.reports[report]?.database_share;
  const found = REPORTS.map((name) => figures.reports[name]);
  if (found.some((each) => !each)) return undefined;
  const database = found.reduce((sum, each) => sum + (each?.database_p50_ms ?? 0), 0);
  return database / requestMs(figures, undefined);
}

/** The median request of a report, or of all together. */
export function requestMs(figures: StageFigures, report: string | undefined): number {
  return (report ? [report] : REPORTS).reduce(
    (sum, name) => sum + (figures.reports[name]?.request_p50_ms[0] ?? 0),
    0,
  );
}

/** Why there are no figures. */
export function whyNot(figures: StageFigures, report: string | undefined): string {
  return (report ? figures.missing[report] : Object.values(figures.missing)[0]) ?? "not measured";
}
