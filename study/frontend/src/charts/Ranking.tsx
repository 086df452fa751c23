/** A table in which each row has a bar as long as its number: top items, tenants. */

import { count } from "../format";

export interface Ranked {
  id: string;
  name: string;
  title?: string;
  value: number;
  besides: number;
  isMarked?: boolean;
}

interface RankingProps {
  rows: readonly Ranked[];
  what: string;
  value: string;
  besides: string;
}

export function Ranking({ rows, what, value, besides }: RankingProps) {
  const most = Math.max(1, ...rows.map((row) => row.value));
  return (
    <div className="table">
      <table className="ranking">
        <thead>
          <tr>
            <th scope="col">{what}</th>
            <th scope="col" colSpan={2}>
              {value}
            </th>
            <th scope="col" className="number">
              {besides}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id} className={row.isMarked ? "marked" : undefined} aria-current={row.isMarked}>
              <th scope="row" title={row.title}>
                {row.name}
              </th>
              <td className="bar" aria-hidden="true">
                <span style={{ width: `${(100 * row.value) / most}%` }} />
              </td>
              <td className="number">{count(row.value)}</td>
              <td className="number">{count(row.besides)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
