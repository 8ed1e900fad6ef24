/**
 * Times as a person reads them. A capture's wall clock is the text of `captured_at` itself: the
 * server did the zone arithmetic once, with the camera's zone, and nothing here does it again.
 */

export interface WallTime {
  /** The wall clock read as if it were UTC; only for formatting with `timeZone: 'UTC'`. */
  wallMs: number;
  /** `YYYY-MM-DD` on that wall. */
  date: string;
  offsetMinutes: number;
}

const RFC3339 = /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2}(?:\.\d+)?)([Zz]|[+-]\d{2}:\d{2})$/;

export function parseWallTime(rfc3339: string): WallTime | null {
  const match = RFC3339.exec(rfc3339);
  if (!match) return null;
  const [, date = '', time = '', zone = ''] = match;
  const wallMs = Date.parse(`${date}T${time}Z`);
  if (Number.isNaN(wallMs)) return null;
  return { wallMs, date, offsetMinutes: parseOffset(zone) };
}

function parseOffset(zone: string): number {
  if (zone === 'Z' || zone === 'z') return 0;
  const [hours = 0, minutes = 0] = zone.slice(1).split(':').map(Number);
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

type Style = Intl.DateTimeFormatOptions;
const CLOCK: Style = { hour: 'numeric', minute: '2-digit', second: '2-digit' };
const LONG_DAY: Style = { weekday: 'long', day: 'numeric', month: 'long' };

/** Formatters are costly to make and a timeline needs thousands of answers. */
const formatters = new Map<string, Intl.DateTimeFormat>();
function format(wallMs: number, style: Style, locale: string | undefined): string {
  const key = `${locale ?? ''}|${JSON.stringify(style)}`;
  let formatter = formatters.get(key);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat(locale, { ...style, timeZone: 'UTC' });
    formatters.set(key, formatter);
  }
  return formatter.format(wallMs);
}

/** `15:29:54`, or as the reader's language writes it. */
export function clockTime(rfc3339: string, locale?: string): string {
  const wall = parseWallTime(rfc3339);
  return wall ? format(wall.wallMs, CLOCK, locale) : rfc3339;
}

/** `Tuesday, August 30, 2016 at 3:29:54 PM`, on the camera's wall. */
export function fullTime(rfc3339: string, locale?: string): string {
  const wall = parseWallTime(rfc3339);
  if (!wall) return rfc3339;
  return format(wall.wallMs, { dateStyle: 'full', timeStyle: 'medium' }, locale);
}

/** A moment on the reader's own wall, for things that have no camera zone. */
export function localTime(rfc3339: string, locale?: string): string {
  const ms = Date.parse(rfc3339);
  if (Number.isNaN(ms)) return rfc3339;
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' }).format(ms);
}

/** The calendar day that a wall with this offset shows at `nowMs`. */
export function dateAtOffset(nowMs: number, offsetMinutes: number): string {
  return new Date(nowMs + offsetMinutes * 60_000).toISOString().slice(0, 10);
}

export interface DayLabel {
  /** `Today`, `Yesterday`, or nothing. */
  near: string | null;
  /** `Tuesday, August 30`, with the year where it isn't this one. */
  day: string;
}

/** `today` is the camera's own, never UTC's: see `dateAtOffset`. */
export function dayLabel(date: string, today: string, locale?: string): DayLabel {
  const dayMs = Date.parse(`${date}T00:00:00Z`);
  if (Number.isNaN(dayMs)) return { near: null, day: date };
  const daysAgo = Math.round((Date.parse(`${today}T00:00:00Z`) - dayMs) / 86_400_000);
  const near = daysAgo === 0 ? 'Today' : daysAgo === 1 ? 'Yesterday' : null;
  const sameYear = date.slice(0, 4) === today.slice(0, 4);
  return {
    near,
    day: format(dayMs, sameYear ? LONG_DAY : { ...LONG_DAY, year: 'numeric' }, locale),
  };
}

/** The day and time of a page's heading, as of `nowMs`: `Today` and `9:41:00 PM`; both empty where that is no time. */
export function headingOf(
  rfc3339: string | undefined,
  nowMs: number,
): { day: string; time: string } {
  const wall = rfc3339 === undefined ? null : parseWallTime(rfc3339);
  if (rfc3339 === undefined || !wall) return { day: '', time: '' };
  const label = dayLabel(wall.date, dateAtOffset(nowMs, wall.offsetMinutes));
  return { day: label.near ?? label.day, time: clockTime(rfc3339) };
}

/** `9 PM` or `21`: the mark on the timeline's rail. */
export function hourLabel(rfc3339: string, locale?: string): string {
  const wall = parseWallTime(rfc3339);
  return wall ? format(wall.wallMs, { hour: 'numeric' }, locale) : '';
}

/** `UTC−7`, `UTC+5:30`. */
export function offsetLabel(offsetMinutes: number): string {
  if (offsetMinutes === 0) return 'UTC';
  const size = Math.abs(offsetMinutes);
  const minutes = size % 60;
  const tail = minutes === 0 ? '' : `:${String(minutes).padStart(2, '0')}`;
  return `UTC${offsetMinutes < 0 ? '−' : '+'}${Math.floor(size / 60)}${tail}`;
}

/** The camera's offset, where the reader's own clock would show another time. */
export function foreignOffset(rfc3339: string): string | null {
  const wall = parseWallTime(rfc3339);
  if (!wall) return null;
  const readerOffset = -new Date(Date.parse(rfc3339)).getTimezoneOffset();
  return readerOffset === wall.offsetMinutes ? null : offsetLabel(wall.offsetMinutes);
}

/** Length of a clip on its poster: `0:12`, `1:02:03`. */
export function clipLength(durationMs: number): string {
  const total = Math.max(0, Math.round(durationMs / 1000));
  const pad = (n: number) => String(n).padStart(2, '0');
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  return hours > 0
    ? `${hours}:${pad(minutes)}:${pad(total % 60)}`
    : `${minutes}:${pad(total % 60)}`;
}

const UNITS = [
  { name: 'y', ms: 365 * 86_400_000 },
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
  { name: 's', ms: 1000 },
] as const;

/** `3 s`, `2 min 5 s`, `3 h 10 min`, `41 d`: the two largest units, days alone from a week on, years alone from ten on. */
export function span(ms: number): string {
  let rest = Math.abs(ms);
  if (rest < 1000) return rest < 500 ? '0 s' : '1 s';
  rest = Math.round(rest / 1000) * 1000;
  const first = UNITS.findIndex((unit) => rest >= unit.ms);
  const major = UNITS[first];
  if (!major) return '0 s';
  const count = Math.floor(rest / major.ms);
  const minor = UNITS[first + 1];
  const roughly = (major.name === 'd' && count >= 7) || (major.name === 'y' && count >= 10);
  if (!minor || roughly) return `${count} ${major.name}`;
  const minorCount = Math.floor((rest % major.ms) / minor.ms);
  return minorCount === 0
    ? `${count} ${major.name}`
    : `${count} ${major.name} ${minorCount} ${minor.name}`;
}

/** `just now`, `5 min ago`, `3 h ago`, `12 d ago`: the largest unit only. */
export function ago(ms: number, nowMs: number): string {
  const passed = nowMs - ms;
  if (passed < 10_000) return 'just now';
  const unit = UNITS.find((candidate) => passed >= candidate.ms) ?? UNITS[4];
  return `${Math.floor(passed / unit.ms)} ${unit.name} ago`;
}

/**
 * When the hour `YYYY-MM-DDTHH` on the walls of an IANA zone is over, in epoch milliseconds; without a zone,
 * or with one that this browser doesn't know, on the reader's own.
 */
export function endOfHour(hour: string, timeZone?: string): number {
  const wallMs = Date.parse(`${hour}:00:00Z`) + 3_600_000;
  // The offset is asked for near the moment itself; a second time, for where it changes that day.
  let ms = wallMs;
  for (let turn = 0; turn < 2; turn += 1) ms = wallMs - offsetMs(ms, timeZone);
  return ms;
}

function offsetMs(ms: number, timeZone: string | undefined): number {
  try {
    const parts: Style = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit' };
    const style: Style = { ...parts, minute: '2-digit', second: '2-digit', hourCycle: 'h23' };
    const text = new Intl.DateTimeFormat('sv-SE', { ...style, ...(timeZone && { timeZone }) });
    const wall = Date.parse(`${text.format(ms).replace(' ', 'T')}Z`);
    return Math.round((wall - ms) / 60_000) * 60_000;
  } catch {
    return -new Date(ms).getTimezoneOffset() * 60_000;
  }
}
