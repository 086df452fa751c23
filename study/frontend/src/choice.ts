/** What is being looked at. It is in the URL and nowhere else, so that a link shows what its sender saw. */

import { useCallback, useMemo, useSyncExternalStore } from "react";

export type Page = "reports" | "stages";

export interface Choice {
  page: Page;
  stage: string;
  /** Without one: the client of a few hundred orders a day. */
  tenant?: string;
  /** Dates; `to` is the first day that is not shown. Without them: the last seven days. */
  from?: string;
  to?: string;
  facility?: string;
  /** On the page about the stages: which report, and which size. */
  report?: string;
  size?: string;
}

const FIRST: Choice = { page: "reports", stage: "03" };
const TEXTS = ["tenant", "facility", "report", "size"] as const;
const DATES = ["from", "to"] as const;

/** What is missing or makes no sense is as if it were not there. */
export function parse(search: string): Choice {
  const given = new URLSearchParams(search);
  const choice: Choice = { ...FIRST };
  if (given.get("page") === "stages") choice.page = "stages";
  const stage = given.get("stage");
  if (stage && /^\d\d$/.test(stage)) choice.stage = stage;
  for (const name of TEXTS) {
    const value = given.get(name);
    if (value) choice[name] = value;
  }
  for (const name of DATES) {
    const value = given.get(name);
    if (value && isDate(value)) choice[name] = value;
  }
  return choice;
}

/** "?stage=05&…", in a fixed order. */
export function format(choice: Choice): string {
  const query = new URLSearchParams();
  if (choice.page !== FIRST.page) query.set("page", choice.page);
  query.set("stage", choice.stage);
  for (const name of [...TEXTS.slice(0, 1), ...DATES, ...TEXTS.slice(1)] as const) {
    const value = choice[name];
    if (value) query.set(name, value);
  }
  return `?${query}`;
}

export function isDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const moment = new Date(`${text}T00:00:00Z`); // of February 30th it makes a day in March
  return !Number.isNaN(moment.getTime()) && moment.toISOString().startsWith(text);
}

function subscribe(changed: () => void): () => void {
  window.addEventListener("popstate", changed);
  return () => window.removeEventListener("popstate", changed);
}

/** The choice, and how to change a part of it; each change is a step that "back" takes back. */
export function useChoice(): [Choice, (change: Partial<Choice>) => void] {
  const search = useSyncExternalStore(subscribe, () => window.location.search);
  const choice = useMemo(() => parse(search), [search]);
  const change = useCallback((part: Partial<Choice>) => {
    const next = format({ ...parse(window.location.search), ...part });
    if (next === window.location.search) return;
    window.history.pushState(null, "", next);
    window.dispatchEvent(new PopStateEvent("popstate"));
  }, []);
  return [choice, change];
}
