/**
 * A stretch of days and hours as numbers: what the heat strip, the calendar and the charts draw. Places on it
 * are hours from its beginning, so that the slider, the pointer and the drawing speak of the same. Pure.
 */
import type { Count } from '../api/types';

export const HOURS = 24;
const DAY_MS = 86_400_000;
/** Fewer days than this would be drawn as a few thick bars that say nothing. */
const DAYS_MIN = 28;
export const DAYS_MAX = 366;

export interface Stretch {
  /** The first day, `YYYY-MM-DD`. */
  from: string;
  days: number;
}

const dayMs = (date: string): number => Date.parse(`${date}T00:00:00Z`);

export const addDays = (date: string, days: number): string =>
  new Date(dayMs(date) + days * DAY_MS).toISOString().slice(0, 10);

export const daysBetween = (from: string, to: string): number =>
  Math.round((dayMs(to) - dayMs(from)) / DAY_MS);

export const captures = ({ records, snaps }: Count): number => records + snaps;

/** A year at most that ends with `last`; no longer than what is kept. */
export function stretch(days: Count[], last: string): Stretch {
  const dates = days.flatMap(({ date }) => date ?? []);
  const oldest = dates.reduce((a, b) => (a < b ? a : b), last);
  const length = Math.min(Math.max(daysBetween(oldest, last) + 1, DAYS_MIN), DAYS_MAX);
  return { from: addDays(last, 1 - length), days: length };
}

/** Captures a day, by its place. */
export function byDay({ from, days }: Stretch, counts: Count[]): Uint32Array {
  const sums = new Uint32Array(days);
  for (const count of counts) {
    const day = count.date == null ? -1 : daysBetween(from, count.date);
    if (day >= 0 && day < days) sums[day] = (sums[day] ?? 0) + captures(count);
  }
  return sums;
}

/** Captures an hour, by its place. */
export function byHour({ from, days }: Stretch, counts: Count[]): Uint32Array {
  const sums = new Uint32Array(days * HOURS);
  for (const count of counts) {
    const day = count.date == null ? -1 : daysBetween(from, count.date);
    if (day < 0 || day >= days || count.hour == null) continue;
    const place = day * HOURS + count.hour;
    sums[place] = (sums[place] ?? 0) + captures(count);
  }
  return sums;
}

/** How strongly a number is drawn, 0 to 1: by its root, so that one stormy night doesn't pale a year. */
export const strength = (count: number, most: number): number =>
  count === 0 || most === 0 ? 0 : 0.12 + 0.88 * Math.sqrt(count / most);

export const placeOf = ({ from, days }: Stretch, date: string, hour: number): number =>
  Math.min(Math.max(daysBetween(from, date) * HOURS + hour, 0), days * HOURS - 1);

export const momentOf = ({ from }: Stretch, place: number): { date: string; hour: number } => ({
  date: addDays(from, Math.floor(place / HOURS)),
  hour: place % HOURS,
});

/** The timeline's `at` of a place. */
export function atOf(within: Stretch, place: number): string {
  const { date, hour } = momentOf(within, place);
  return `${date}T${String(hour).padStart(2, '0')}`;
}

/** Where a key leads from `place`; `null`: the key means nothing here. */
export function keyed({ from, days }: Stretch, place: number, key: string): number | null {
  const steps: Record<string, number> = {
    ArrowRight: HOURS,
    ArrowLeft: -HOURS,
    ArrowUp: 1,
    ArrowDown: -1,
  };
  const end = days * HOURS - 1;
  const bounded = (to: number) => Math.min(Math.max(to, 0), end);
  const step = steps[key];
  if (step !== undefined) return bounded(place + step);
  if (key === 'Home') return 0;
  if (key === 'End') return end;
  if (key === 'PageUp' || key === 'PageDown') {
    const { date, hour } = momentOf({ from, days }, place);
    const month = new Date(dayMs(date));
    const day = month.getUTCDate();
    month.setUTCDate(1);
    month.setUTCMonth(month.getUTCMonth() + (key === 'PageUp' ? 1 : -1));
    const last = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, 0));
    month.setUTCDate(Math.min(day, last.getUTCDate()));
    return placeOf({ from, days }, month.toISOString().slice(0, 10), hour);
  }
  return null;
}

/** Where months begin: for the marks below the strip. */
export function months({ from, days }: Stretch): { day: number; date: string }[] {
  const marks = [];
  for (let day = 0; day < days; day += 1) {
    const date = addDays(from, day);
    if (date.endsWith('-01')) marks.push({ day, date });
  }
  return marks;
}
