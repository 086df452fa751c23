/**
 * Asks a stage for its reports one after the other: each answer's time is to be that report's own, not that of
 * eight at once. A question that is not wanted any more is given up.
 */

import { useQuery } from "@tanstack/react-query";
import { type Answer, ask, type Info, type Query, type Report, type Rows } from "../api";

const turns = new Map<string, Promise<unknown>>();

/** Begins when whoever asked the same backend before has an answer, or has failed. */
export function inTurn<T>(base: string, ask: () => Promise<T>): Promise<T> {
  const mine = (turns.get(base) ?? Promise.resolve()).then(ask, ask);
  turns.set(base, mine);
  return mine;
}

export function useInfo(base: string) {
  return useQuery({
    queryKey: [base, "info"],
    queryFn: ({ signal }) => ask<Info>(base, "/info", {}, signal),
  });
}

export function useReport<Name extends Report>(base: string, report: Name, query: Query) {
  return useQuery({
    queryKey: [base, report, query],
    queryFn: ({ signal }) =>
      inTurn(base, () => ask<Answer<Rows[Name]>>(base, `/reports/${report}`, query, signal)),
  });
}
