/** File names of cameras that keep the time of the box (Los Angeles), counted back from today. */
import { STILL, type Box } from './box';

const ZONE = 'America/Los_Angeles';
const DAY_MS = 86_400_000;

/** The date on the wall there, so many days ago: `YYYY-MM-DD`. */
export function daysAgo(days: number): string {
  const today = new Intl.DateTimeFormat('en-CA', { timeZone: ZONE }).format(new Date());
  return new Date(Date.parse(`${today}T12:00:00Z`) - days * DAY_MS).toISOString().slice(0, 10);
}

/** A Foscam's name for a still of that moment; `time` is `HHMMSS`. */
export const stillName = (date: string, time: string): string =>
  `MDAlarm_${date.replaceAll('-', '')}-${time}.jpg`;

export async function uploadStill(
  box: Box,
  camera: string,
  date: string,
  time: string,
): Promise<void> {
  await box.upload(STILL, `${camera}/snap/${stillName(date, time)}`);
}
