/** How a stage is asked, and what it answers; study/kit/README.md says what each means. */

export interface Timing {
  request_ms: number;
  database_ms: number;
  calls: number;
  rows: number;
}

export interface Answer<Row> {
  rows: Row[];
  timing: Timing;
}

export interface Counted {
  orders: number;
}

export interface CountedUnits extends Counted {
  units: number;
}

export interface Rows {
  days: CountedUnits & { day: string };
  hours: CountedUnits & { hour: string };
  states: Counted & { state: string };
  items: CountedUnits & { item_id: string };
  sizes: CountedUnits;
  league: CountedUnits & { tenant: string };
  floor: Counted & { minute: string };
  "no-database": CountedUnits & { hour: string };
}

export type Report = keyof Rows;

export interface Tenant {
  id: string;
  group: string;
  orders: number;
  facilities: string[];
}

export interface Info {
  stage: string;
  size: string;
  seed: number;
  first_day: string;
  end: string;
  /** smallest, median, largest, client: the id of each. */
  named: Record<string, string>;
  tenants: Tenant[];
}

/** The backend refused; the message is its reason. */
export class RefusedError extends Error {}

/** Nobody answered at all. */
export class UnreachableError extends Error {
  constructor(url: string) {
    super(`Nothing answers at ${url}.`);
  }
}

export type Query = Record<string, string | undefined>;

export async function ask<T>(base: string, path: string, query: Query, signal?: AbortSignal): Promise<T> {
  const url = new URL(base.replace(/\/$/, "") + path); // a base may have a path of its own
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new UnreachableError(base);
  }
  if (response.ok) return (await response.json()) as T;
  throw new RefusedError(await reason(response));
}

async function reason(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const said: unknown = JSON.parse(text);
    if (said && typeof said === "object" && "error" in said) return String(said.error);
  } catch {
    // Not a stage's own words: a server in between.
  }
  return `answered ${response.status}`;
}
