/** How the stages compare: the committed results, without a stage having to run. */

import type { Choice } from "../choice";
import { count } from "../format";
import { Growth } from "./Growth";
import { REPORTS, type Size, sizes, stages } from "./measured";
import { MemoryBars, ShareBars } from "./StageBars";

interface PageProps {
  choice: Choice;
  change: (part: Partial<Choice>) => void;
}

export function StagesPage({ choice, change }: PageProps) {
  const size = sizes.find((each) => each.name === choice.size) ?? sizes.at(-1);
  if (!size) return <p className="empty">Nothing was measured yet: `make study SIZE=S` does it.</p>;
  const report = REPORTS.find((each) => each === choice.report);
  return (
    <>
      <form className="controls" aria-label="What to compare" onSubmit={(event) => event.preventDefault()}>
        <label>
          Report
          <select
            value={report ?? ""}
            onChange={(event) => change({ report: event.target.value || undefined })}
          >
            <option value="">the slowest of all</option>
            {REPORTS.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <label>
          Size
          <select value={size.name} onChange={(event) => change({ size: event.target.value })}>
            {sizes.map((each) => (
              <option
                key={each.name}
                value={each.name}
              >{`${each.name}: ${count(each.orders)} orders`}</option>
            ))}
          </select>
        </label>
        <p className="hint">{measuredOn(size)}</p>
      </form>
      <div className="cards">
        <section className="card wide" aria-labelledby="growth">
          <h2 id="growth">Time against size, p95 in ms (less is better)</h2>
          <Growth report={report} />
        </section>
        <section className="card" aria-labelledby="share">
          <h2 id="share">{`The database's share of the time, size ${size.name}`}</h2>
          <ShareBars report={report} size={size.name} />
        </section>
        <section className="card" aria-labelledby="memory">
          <h2 id="memory">{`Highest memory of each process in MiB, size ${size.name} (less is better)`}</h2>
          <MemoryBars size={size.name} />
        </section>
      </div>
    </>
  );
}

function measuredOn(size: Size): string {
  const days = stages.flatMap((stage) => stage.sizes[size.name]?.measured ?? []).sort();
  const when = days[0] === days.at(-1) ? days[0] : `${days[0]} to ${days.at(-1)}`;
  return `The largest tenant's whole range, alone and hot; measured ${when} on ${size.machine}.`;
}
