/**
 * Asks a stage for its reports one after the other: each answer's time is to be that report's own, not that of
 * eight at once. A question that nobody wants any more by its turn is not asked.
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

/** `isKnown`: where the backends are; until then nobody is asked. */
export function useInfo(base: string, isKnown: boolean) {
  return useQuery({
    queryKey: [base, "info"],
    queryFn: () => inTurn(base, () => ask<Info>(base, "/info", {})),
    enabled: isKnown,
  });
}

export function useReport<Name extends Report>(base: string, report: Name, query: Query) {
  return useQuery({
    queryKey: [base, report, query],
    // What has begun is waited for: a stage goes on with a question whose asker has left.
    queryFn: ({ signal }) =>
      inTurn(base, () => {
        signal.throwIfAborted();
        return ask<Answer<Rows[Name]>>(base, `/reports/${report}`, query);
      }),
  });
}
