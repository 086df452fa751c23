/** Numbers and times as people read them; times are UTC, as in the orders. */

const whole = new Intl.NumberFormat("en");
const three = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const date = new Intl.DateTimeFormat("en", { month: "short", day: "numeric", timeZone: "UTC" });
const weekday = new Intl.DateTimeFormat("en", {
  weekday: "short",
  month: "short",
  day: "numeric",
  timeZone: "UTC",
});

export const count = (value: number) => whole.format(value);
export const counted = (value: number, what: string) => `${count(value)} ${what}${value === 1 ? "" : "s"}`;
export const ms = (value: number) => `${three.format(value)} ms`;
export const mib = (value: number) => `${whole.format(Math.round(value))} MiB`;
export const percent = (share: number) => `${Math.round(share * 100)} %`;

const DAY_MS = 24 * 3600 * 1000;

export const at = (text: string) => new Date(text.length === 10 ? `${text}T00:00:00Z` : text);
export const day = (moment: Date) => date.format(moment);
export const dayOfWeek = (moment: Date) => weekday.format(moment);
export const clock = (moment: Date) => moment.toISOString().slice(11, 16);
export const isoDay = (moment: Date) => moment.toISOString().slice(0, 10);
export const addDays = (text: string, days: number) => isoDay(new Date(at(text).getTime() + days * DAY_MS));
