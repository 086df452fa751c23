/** One report: its question, its answer or why there is none, and where the time went. */

import type { ReactNode } from "react";
import type { Query, Report, Rows, Timing } from "../api";
import { counted, ms, percent } from "../format";
import { useReport } from "./useReport";

interface CardProps<Name extends Report> {
  base: string;
  report: Name;
  title: string;
  query: Query;
  children: (rows: Rows[Name][]) => ReactNode;
}

export function Card<Name extends Report>({ base, report, title, query, children }: CardProps<Name>) {
  const { data, error, isFetching, refetch } = useReport(base, report, query);
  const heading = `report-${report}`;
  return (
    <section className="card" aria-labelledby={heading} aria-busy={isFetching} data-report={report}>
      <header>
        <h2 id={heading}>{title}</h2>
        {data && !error && <Times timing={data.timing} />}
      </header>
      {error ? (
        <Failed reason={error.message} again={() => refetch()} />
      ) : !data ? (
        <p className="loading" role="status">
          Loading …
        </p>
      ) : data.rows.length === 0 ? (
        <p className="empty">No orders in this range.</p>
      ) : (
        children(data.rows)
      )}
    </section>
  );
}

function Times({ timing }: { timing: Timing }) {
  const share = timing.request_ms > 0 ? timing.database_ms / timing.request_ms : 0;
  const words = `${ms(timing.request_ms)}, of which database ${ms(timing.database_ms)}`;
  return (
    <div className="times">
      <span>
        {ms(timing.request_ms)} · database {ms(timing.database_ms)} · {counted(timing.rows, "row")} in{" "}
        {counted(timing.calls, "call")}
      </span>
      <span className="split" role="img" aria-label={`${words} (${percent(share)})`}>
        <span style={{ width: `${100 * share}%` }} />
      </span>
    </div>
  );
}

export function Failed({ reason, again }: { reason: string; again: () => void }) {
  return (
    <div className="failed" role="alert">
      <p>{reason}</p>
      <button type="button" onClick={again}>
        Try again
      </button>
    </div>
  );
}
