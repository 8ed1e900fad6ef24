/**
 * Where everything on the timeline is, without asking the browser: days under each other, each a
 * heading and a grid of equal cards. Only what is near the viewport gets drawn, so the DOM stays
 * small however long the list. Pure.
 */
import type { Event } from '../api/types';
import { parseWallTime } from '../time';
import { isRoom, type Slot } from './pages';

/** What stands on the timeline: an event, or an incident under its first event's time. */
export type Placed = Pick<Event, 'id' | 'capture_date' | 'captured_at' | 'capture_hour'>;

export interface DayGroup<T extends Placed = Event> {
  /** `YYYY-MM-DD` on the cameras' own walls. */
  date: string;
  /** A room stands once for each that it keeps the place of. */
  events: Slot<T>[];
  /** Of the newest event: says which calendar day "today" is there. */
  offsetMinutes: number;
}

/** Groups by the capture day that the server states; days newest first, events as they came. */
export function groupByDay<T extends Placed>(list: Slot<T>[]): DayGroup<T>[] {
  const days = new Map<string, DayGroup<T>>();
  for (const slot of list) {
    const date = isRoom(slot) ? slot.date : slot.capture_date;
    let day = days.get(date);
    if (!day) {
      const offsetMinutes = isRoom(slot)
        ? slot.offsetMinutes
        : (parseWallTime(slot.captured_at)?.offsetMinutes ?? 0);
      days.set(date, (day = { date, events: [], offsetMinutes }));
    }
    if (isRoom(slot)) for (let n = 0; n < slot.count; n += 1) day.events.push(slot);
    else day.events.push(slot);
  }
  // Cameras in several zones meet around midnight: then the days interleave in the list.
  return [...days.values()].sort((a, b) => (a.date < b.date ? 1 : a.date > b.date ? -1 : 0));
}

/** All in CSS pixels. */
export interface Metrics {
  columns: number;
  cardWidth: number;
  posterHeight: number;
  /** One row of cards with the gap below it. */
  rowHeight: number;
  headingHeight: number;
  /** Below each day. */
  dayGap: number;
}

export interface Sizes {
  width: number;
  /** The root font size: text grows with the reader's setting, and so do the boxes. */
  remPx: number;
}

const MIN_CARD_REM = 13.5;
const PHONE_REM = 34;
const TEXT_REM = 3.125;
const HEADING_REM = 3;
const ROW_GAP_REM = 1;
const DAY_GAP_REM = 1;

export const columnGapPx = ({ width, remPx }: Sizes): number =>
  (width < PHONE_REM * remPx ? 0.625 : 1) * remPx;

export function measure(sizes: Sizes): Metrics {
  const { width, remPx } = sizes;
  const gap = columnGapPx(sizes);
  const phone = width < PHONE_REM * remPx;
  const columns = phone
    ? width < 15 * remPx
      ? 1
      : 2
    : Math.max(2, Math.floor((width + gap) / (MIN_CARD_REM * remPx + gap)));
  const cardWidth = Math.max(0, (width - gap * (columns - 1)) / columns);
  const posterHeight = Math.round((cardWidth * 9) / 16);
  return {
    columns,
    cardWidth,
    posterHeight,
    rowHeight: posterHeight + (TEXT_REM + ROW_GAP_REM) * remPx,
    headingHeight: HEADING_REM * remPx,
    dayGap: DAY_GAP_REM * remPx,
  };
}

export interface PlacedDay<T extends Placed = Event> extends DayGroup<T> {
  top: number;
  height: number;
  rows: number;
}

export interface Layout<T extends Placed = Event> {
  days: PlacedDay<T>[];
  height: number;
  metrics: Metrics;
}

export function layOut<T extends Placed>(days: DayGroup<T>[], metrics: Metrics): Layout<T> {
  let top = 0;
  const placed = days.map((day) => {
    const rows = Math.ceil(day.events.length / metrics.columns);
    const height = metrics.headingHeight + rows * metrics.rowHeight + metrics.dayGap;
    const here = { ...day, top, height, rows };
    top += height;
    return here;
  });
  return { days: placed, height: top, metrics };
}

export interface VisibleDay<T extends Placed = Event> {
  day: PlacedDay<T>;
  firstRow: number;
  /** From the top of the day to the first drawn row. */
  rowsTop: number;
  events: Slot<T>[];
  /** Index in the day of the first drawn event. */
  firstEvent: number;
}

/** What to draw for the stretch from `from` to `to` (pixels from the top of the list). */
export function visible<T extends Placed>(
  layout: Layout<T>,
  from: number,
  to: number,
): VisibleDay<T>[] {
  const { metrics, days } = layout;
  const drawn: VisibleDay<T>[] = [];
  for (let i = firstDayBelow(days, from); i < days.length; i += 1) {
    const day = days[i];
    if (!day || day.top > to) break;
    const rowsStart = day.top + metrics.headingHeight;
    const firstRow = clamp(Math.floor((from - rowsStart) / metrics.rowHeight), 0, day.rows);
    const endRow = clamp(Math.ceil((to - rowsStart) / metrics.rowHeight), firstRow, day.rows);
    const firstEvent = firstRow * metrics.columns;
    drawn.push({
      day,
      firstRow,
      rowsTop: metrics.headingHeight + firstRow * metrics.rowHeight,
      events: day.events.slice(firstEvent, endRow * metrics.columns),
      firstEvent,
    });
  }
  return drawn;
}

/** Binary search: the first day whose bottom is below `y`. */
function firstDayBelow(days: Pick<PlacedDay, 'top' | 'height'>[], y: number): number {
  let low = 0;
  let high = days.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const day = days[middle];
    if (day && day.top + day.height <= y) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The row that an event is in, from the top of the list; null where it isn't loaded. */
export function rowOf<T extends Placed>(
  layout: Layout<T>,
  id: string,
): { top: number; height: number } | null {
  const { metrics } = layout;
  for (const day of layout.days) {
    const index = day.events.findIndex((slot) => !isRoom(slot) && slot.id === id);
    if (index >= 0) {
      const row = Math.floor(index / metrics.columns);
      return {
        top: day.top + metrics.headingHeight + row * metrics.rowHeight,
        height: metrics.rowHeight,
      };
    }
  }
  return null;
}

/** The first loaded event at or below `y`: what the reader is looking at, to be held in place. */
export function anchorAt<T extends Placed>(
  layout: Layout<T>,
  y: number,
): { id: string; top: number } | null {
  const { columns, rowHeight } = layout.metrics;
  for (const { day, rowsTop, events } of visible(layout, y, y + 2 * rowHeight)) {
    const at = events.findIndex((slot) => !isRoom(slot));
    const first = events[at];
    if (!first || isRoom(first)) continue;
    return { id: first.id, top: day.top + rowsTop + Math.floor(at / columns) * rowHeight };
  }
  return null;
}

const clamp = (n: number, low: number, high: number) => Math.min(Math.max(n, low), high);
