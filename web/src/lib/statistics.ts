/** The sums behind the statistics page. Pure. */
import type { Count } from './api/types';
import { addDays, captures, daysBetween, HOURS } from './timeline/heat';

export interface Bar {
  /** Under the bar, and in the table. */
  label: string;
  value: number;
}

/** Each day from the oldest to `last`, also those with nothing; the newest `max` of them. */
export function daily<T>(
  counts: Count[],
  last: string,
  max: number,
  make: (date: string, count: Count | undefined) => T,
): T[] {
  const byDate = new Map(counts.map((count) => [count.date, count]));
  const oldest = counts.reduce(
    (date, count) => (count.date && count.date < date ? count.date : date),
    last,
  );
  const days = Math.min(daysBetween(oldest, last) + 1, max);
  return Array.from({ length: days }, (_, at) => {
    const date = addDays(last, at + 1 - days);
    return make(date, byDate.get(date));
  });
}

/** Captures by the hour of the day. */
export function ofTheDay(counts: Count[]): number[] {
  const sums = new Array<number>(HOURS).fill(0);
  for (const count of counts) {
    if (count.hour != null) sums[count.hour] = (sums[count.hour] ?? 0) + captures(count);
  }
  return sums;
}

/** Bytes that were there at the end of each day, of what is kept now. */
export function growth(bytes: number[]): number[] {
  let sum = 0;
  return bytes.map((more) => (sum += more));
}

export interface Prices {
  /** Of a GB (10⁹ bytes) a month. */
  perGb: number;
  /** Of a thousand writes. */
  perThousandPuts: number;
  /** How long captures are kept. */
  days: number;
}

/** Amazon S3 Standard in us-east-1, list prices as remembered in 2026: to be replaced by the person's own. */
export const LIST_PRICES: Prices = { perGb: 0.023, perThousandPuts: 0.005, days: 90 };

/** Objects of a capture: itself, its poster, what is known of it. */
export const PUTS_PER_CAPTURE = 3;
export const DAYS_PER_MONTH = 30.4;

export interface Use {
  /** In the days that were looked at, all cameras. */
  bytes: number;
  captures: number;
  cameras: number;
  days: number;
}

export interface Cost {
  gbPerCameraDay: number;
  storage: number;
  writes: number;
  total: number;
}

/** What one camera costs a month once as much goes as comes; `null`: nothing to reckon from. */
export function cameraMonth(use: Use, prices: Prices): Cost | null {
  if (use.cameras === 0 || use.days === 0 || use.captures === 0) return null;
  const cameraDays = use.cameras * use.days;
  const gbPerCameraDay = use.bytes / 1e9 / cameraDays;
  const storage = gbPerCameraDay * prices.days * prices.perGb;
  const puts = (use.captures / cameraDays) * PUTS_PER_CAPTURE * DAYS_PER_MONTH;
  const writes = (puts / 1000) * prices.perThousandPuts;
  return { gbPerCameraDay, storage, writes, total: storage + writes };
}
