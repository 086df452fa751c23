/** Stage, tenant, range and facility. Each is a form control of the browser's own, so that keyboards and readers know it. */

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { Info } from "../api";
import { type Choice, isDate } from "../choice";
import { stages } from "../compare/measured";
import { addDays } from "../format";
import { type Asked, tenantNames } from "./range";

interface ControlsProps {
  choice: Choice;
  change: (part: Partial<Choice>) => void;
  info: Info | undefined;
  asked: Asked | undefined;
  base: string;
}

export function Controls({ choice, change, info, asked, base }: ControlsProps) {
  const queries = useQueryClient();
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
          <DateInput label="From" value={asked.from} info={info} change={(from) => change({ from })} />
          <DateInput label="To (not included)" value={asked.to} info={info} change={(to) => change({ to })} />
          <label>
            Facility
            <select value={asked.facility} onChange={(event) => change({ facility: event.target.value })}>
              {asked.tenant.facilities.map((facility) => (
                <option key={facility}>{facility}</option>
              ))}
            </select>
          </label>
          <button type="button" onClick={() => queries.invalidateQueries({ queryKey: [base] })}>
            Ask again
          </button>
          <p className="hint">{`Orders of size ${info.size}: ${info.first_day} to ${info.end}, UTC.`}</p>
        </>
      )}
    </form>
  );
}

interface DateInputProps {
  label: string;
  value: string;
  info: Info;
  change: (date: string) => void;
}

/** Passes on only dates that orders can be of: while a year is being typed, the field holds others (0002, 0020, …). */
function DateInput({ label, value, info, change }: DateInputProps) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  const min = info.first_day;
  const max = addDays(info.end, 1); // what arrives while a stage is looked at is of the day after the end
  return (
    <label>
      {label}
      <input
        type="date"
        min={min}
        max={max}
        value={typed}
        onChange={(event) => {
          const date = event.target.value;
          setTyped(date);
          if (isDate(date) && min <= date && date <= max) change(date);
        }}
        onBlur={() => setTyped(value)}
      />
    </label>
  );
}
