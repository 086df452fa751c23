/** All reports of one tenant and range, from one stage. */

import { UnreachableError } from "../api";
import { backendOf, useBackends } from "../backends";
import type { Choice } from "../choice";
import { stages } from "../compare/measured";
import { Failed } from "./Card";
import { Controls } from "./Controls";
import { Reports } from "./Reports";
import { asked, wrongRange } from "./range";
import { useInfo } from "./useReport";

interface PageProps {
  choice: Choice;
  change: (part: Partial<Choice>) => void;
}

export function ReportsPage({ choice, change }: PageProps) {
  const backends = useBackends();
  const base = backendOf(choice.stage, backends.data ?? {});
  const info = useInfo(base, !backends.isPending);
  const what = info.data && asked(choice, info.data);
  const wrong = what && wrongRange(what.from, what.to);
  const isOther = info.data && !info.data.stage.startsWith(`${choice.stage}-`);
  return (
    <>
      <Controls choice={choice} change={change} info={info.data} asked={what} base={base} />
      {backends.error ? (
        <Failed reason={backends.error.message} again={() => backends.refetch()} />
      ) : info.error instanceof UnreachableError ? (
        <NotRunning stage={choice.stage} url={base} again={() => info.refetch()} />
      ) : info.error ? (
        <Failed reason={info.error.message} again={() => info.refetch()} />
      ) : isOther ? (
        <Failed reason={`At ${base} answers ${info.data?.stage}.`} again={() => info.refetch()} />
      ) : wrong ? (
        <p className="failed" role="alert">
          {wrong}
        </p>
      ) : what ? (
        <>
          {what.missing && (
            <p role="status">{`This stage has no tenant ${what.missing}; shown is ${what.tenant.id}.`}</p>
          )}
          <Reports base={base} asked={what} />
        </>
      ) : info.data ? (
        <p className="empty">This stage has no tenants: its orders are none.</p>
      ) : (
        <p className="loading" role="status">
          Loading …
        </p>
      )}
    </>
  );
}

function NotRunning({ stage, url, again }: { stage: string; url: string; again: () => void }) {
  const known = stages.find((each) => each.number === stage);
  return (
    <div className="card failed" role="alert">
      <h2>{known ? `Stage ${known.name} is not running` : `There is no stage ${stage}`}</h2>
      {known && (
        <>
          <p>
            Nothing answers at {url}. From the repository's root, once the orders of a size are made and
            imported:
          </p>
          <pre>
            {[
              "python -m study.generator --size S --out data/S",
              `python -m study import ${stage} --data data/S`,
              `python -m study serve ${stage} --data data/S --port ${new URL(url).port || 80}`,
            ].join("\n")}
          </pre>
          {known.database !== "sqlite" && (
            <p>
              This stage needs a server, too: <code>study/stages/{known.name}/README.md</code> says how to
              start it.
            </p>
          )}
        </>
      )}
      <button type="button" onClick={again}>
        Try again
      </button>
    </div>
  );
}
