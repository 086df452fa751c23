/** What every chart has: a drawing that scales with its place, a name for those who cannot see it, and its numbers as a table. */

import type { ReactNode } from "react";

export const WIDTH = 640;

export interface Column<Row> {
  title: string;
  value: (row: Row) => string;
  isNumber?: boolean;
}

interface FrameProps<Row> {
  label: string;
  height: number;
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  children: ReactNode;
}

export function Frame<Row>({ label, height, rows, columns, children }: FrameProps<Row>) {
  return (
    <>
      <svg className="chart" viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label={label}>
        {children}
      </svg>
      <details>
        <summary>As a table</summary>
        <Table label={label} rows={rows} columns={columns} />
      </details>
    </>
  );
}

interface TableProps<Row> {
  label: string;
  rows: readonly Row[];
  columns: readonly Column<Row>[];
}

function Table<Row>({ label, rows, columns }: TableProps<Row>) {
  return (
    // It scrolls, so a keyboard has to be able to get there.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: as above
    <section className="table" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" className={column.isNumber ? "number" : undefined}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const cells = columns.map((column) => column.value(row));
            return (
              <tr key={cells.join(" ")}>
                <th scope="row">{cells[0]}</th>
                {columns.slice(1).map((column, at) => (
                  <td key={column.title} className={column.isNumber ? "number" : undefined}>
                    {cells[at + 1]}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}
