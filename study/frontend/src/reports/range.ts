/** What is asked about, from the choice in the URL and what the stage knows. */

import type { Info, Tenant } from "../api";
import type { Choice } from "../choice";
import { addDays } from "../format";

const USUAL_DAYS = 7;
const MOST_DAYS = 400; // a chart with more would be drawn for nobody

export interface Asked {
  tenant: Tenant;
  from: string;
  to: string;
  facility: string;
  /** Of the facility floor: the last day of the range. */
  day: string;
  /** The tenant that was chosen, where this stage does not have it. */
  missing?: string;
}

/** What the choice leaves open, or what this stage does not have, is replaced by what is usual. */
export function asked(choice: Choice, info: Info): Asked | undefined {
  const usual = info.tenants.find((each) => each.id === info.named.client) ?? info.tenants[0];
  const tenant = info.tenants.find((each) => each.id === choice.tenant) ?? usual;
  if (!tenant) return undefined;
  const to = choice.to ?? info.end;
  const week = addDays(to, -USUAL_DAYS);
  const from = choice.from ?? (week < info.first_day && info.first_day < to ? info.first_day : week);
  const facility = tenant.facilities.includes(choice.facility ?? "") ? choice.facility : tenant.facilities[0];
  const missing = choice.tenant && choice.tenant !== tenant.id ? choice.tenant : undefined;
  return { tenant, from, to, facility: facility ?? "", day: addDays(to, -1), missing };
}

/** Why a range cannot be asked for, in words; undefined where it can. */
export function wrongRange(from: string, to: string): string | undefined {
  if (from >= to) return `“From” has to be before “to”; ${from} is not before ${to}.`;
  if (addDays(from, MOST_DAYS) < to) return `At most ${MOST_DAYS} days are shown at once.`;
  return undefined;
}

/** "client · 2,500 orders · 613df585": those with a name first. */
export function tenantNames(info: Info): { id: string; name: string }[] {
  const names = new Map<string, string[]>();
  for (const [name, id] of Object.entries(info.named)) names.set(id, [...(names.get(id) ?? []), name]);
  const known = info.tenants.map((tenant) => ({
    id: tenant.id,
    orders: tenant.orders,
    words: names.get(tenant.id) ?? [],
  }));
  known.sort((a, b) => Number(b.words.length > 0) - Number(a.words.length > 0) || b.orders - a.orders);
  return known.map(({ id, orders, words }) => ({
    id,
    name: [...words, `${orders.toLocaleString("en")} orders`, id.slice(0, 8)].join(" · "),
  }));
}
