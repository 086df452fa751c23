/** Stage, tenant, range and facility. Each is a form control of the browser's own, so that keyboards and readers know it. */

import { useEffect, useState } from "react";
import type { Info } from "../api";
import { type Choice, isDate } from "../choice";
import { stages } from "../compare/measured";
import { type Asked, tenantNames } from "./range";

interface ControlsProps {
  choice: Choice;
  change: (part: Partial<Choice>) => void;
  info: Info | undefined;
  asked: Asked | undefined;
}

export function Controls({ choice, change, info, asked }: ControlsProps) {
  return (
    <form className="controls" aria-label="What to show" onSubmit={(event) => event.preventDefault()}>
      <label>
        Stage
        <select value={choice.stage} onChange={(event) => change({ stage: event.target.value })}>
          {stages.map((stage) => (
            <option key={stage.number} value={stage.number}>
              {`${stage.number} ${stage.title}`}
            </option>
          ))}
          {!stages.some((stage) => stage.number === choice.stage) && (
            <option value={choice.stage}>{choice.stage}</option>
          )}
        </select>
      </label>
      {info && asked && (
        <>
          <label>
            Tenant
            <select
              value={asked.tenant.id}
              onChange={(event) => change({ tenant: event.target.value, facility: undefined })}
            >
              {tenantNames(info).map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <DateInput label="From" value={asked.from} change={(from) => change({ from })} />
          <DateInput label="To (not included)" value={asked.to} change={(to) => change({ to })} />
          <label>
            Facility
            <select value={asked.facility} onChange={(event) => change({ facility: event.target.value })}>
              {asked.tenant.facilities.map((facility) => (
                <option key={facility}>{facility}</option>
              ))}
            </select>
          </label>
          <p className="hint">{`Orders of size ${info.size}: ${info.first_day} to ${info.end}, UTC.`}</p>
        </>
      )}
    </form>
  );
}

/** Passes on only whole dates: while one is being typed, the field holds what no report could be asked for. */
function DateInput({
  label,
  value,
  change,
}: {
  label: string;
  value: string;
  change: (date: string) => void;
}) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  return (
    <label>
      {label}
      <input
        type="date"
        value={typed}
        onChange={(event) => {
          setTyped(event.target.value);
          if (isDate(event.target.value)) change(event.target.value);
        }}
        onBlur={() => setTyped(value)}
      />
    </label>
  );
}
