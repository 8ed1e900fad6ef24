/**
 * Pages of an endless list, newest first. One that begins at a moment in the past grows at both ends; its
 * newer pages are asked for oldest first, and turned. A page that is far from the screen is let go of: what is
 * kept is its room, so that nothing moves, and what it was asked by. Pure.
 */
export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
  /** Where newer ones go on: a cursor, or empty at the list's beginning; undefined: there are none. */
  newer?: string;
  /** What stood here. Then there are no items. */
  hollow?: Hollow;
}

/** The shape in which the data library keeps an endless list. */
export interface Pages<T> {
  pages: Page<T>[];
  pageParams: unknown[];
}

/** Which page: the first, or one behind or before those that are there. */
export type Param = null | { older: string } | { newer: string };

/** Where an item stands: on which day, and when. */
export interface Place {
  date: string;
  offsetMinutes: number;
  ts: number;
}

export interface Hollow {
  /** So many of each day, in the list's order. */
  days: { date: string; offsetMinutes: number; count: number }[];
  newestTs: number;
  oldestTs: number;
}

/** The room of what is not loaded any more: so many of one day, on one page. */
export class Room {
  constructor(
    readonly page: number,
    readonly date: string,
    readonly offsetMinutes: number,
    readonly count: number,
  ) {}
}

export type Slot<T> = T | Room;
export const isRoom = <T>(slot: Slot<T>): slot is Room => slot instanceof Room;
/** What is there. */
export const loaded = <T>(list: Slot<T>[]): T[] =>
  list.flatMap((slot) => (isRoom(slot) ? [] : [slot]));

/** One of the list's ends. */
export type End = 'older' | 'newer';

/** How the page at that end is asked for; `null`: there is none. */
export function nextParam<T>(data: Pages<T> | undefined, end: End): Param {
  if (end === 'older') {
    const cursor = data?.pages.at(-1)?.next_cursor;
    return cursor == null ? null : { older: cursor };
  }
  const newer = data?.pages[0]?.newer;
  return newer === undefined ? null : { newer };
}

/** With a page more at that end, if it is still the one that was asked for by `param`. */
export function added<T>(data: Pages<T>, page: Page<T>, param: Param, end: End): Pages<T> {
  if (JSON.stringify(nextParam(data, end)) !== JSON.stringify(param)) return data;
  return end === 'older'
    ? { pages: [...data.pages, page], pageParams: [...data.pageParams, param] }
    : { pages: [page, ...data.pages], pageParams: [param, ...data.pageParams] };
}

/** What is asked of the server for it. */
export function bounds(param: Param, atMs: number | null) {
  if (param !== null && 'newer' in param) {
    return {
      order: 'oldest' as const,
      ...(atMs !== null && { fromMs: atMs }),
      ...(param.newer !== '' && { cursor: param.newer }),
    };
  }
  return { ...(atMs !== null && { toMs: atMs }), ...(param !== null && { cursor: param.older }) };
}

/** The server's answer in the list's order. */
export function pageOf<T>(answer: Page<T>, param: Param, atMs: number | null): Page<T> {
  if (param !== null && 'newer' in param) {
    const items = answer.items.toReversed();
    // Nothing stands behind it that the page below doesn't have.
    return answer.next_cursor == null ? { items } : { items, newer: answer.next_cursor };
  }
  return atMs !== null && param === null ? { ...answer, newer: '' } : answer;
}

/** The list as it stands, from page to page; `items` are the loaded ones of a page. */
export function slots<T, S = T>(
  data: Pages<T> | undefined,
  take: (items: T[], slots: Slot<S>[]) => void,
): Slot<S>[] {
  const all: Slot<S>[] = [];
  for (const [index, page] of (data?.pages ?? []).entries()) {
    take(page.items, all);
    for (const { date, offsetMinutes, count } of page.hollow?.days ?? []) {
      all.push(new Room(index, date, offsetMinutes, count));
    }
  }
  return all;
}

/** Without what is farther than `kept` pages from those that are looked at. The first page stays: news come to it. */
export function letGo<T>(
  data: Pages<T>,
  looked: { from: number; to: number },
  kept: number,
  placeOf: (item: T) => Place,
): Pages<T> {
  const isFar = (index: number) => index < looked.from - kept || index > looked.to + kept;
  if (!data.pages.some((page, index) => index > 0 && page.items.length > 0 && isFar(index))) {
    return data;
  }
  const pages = data.pages.map((page, index) =>
    index > 0 && page.items.length > 0 && isFar(index)
      ? { ...page, items: [], hollow: hollowOf(page.items.map(placeOf)) }
      : page,
  );
  return { ...data, pages };
}

function hollowOf(places: Place[]): Hollow {
  const days: Hollow['days'] = [];
  for (const { date, offsetMinutes } of places) {
    const last = days.at(-1);
    if (last?.date === date) last.count += 1;
    else days.push({ date, offsetMinutes, count: 1 });
  }
  const times = places.map(({ ts }) => ts);
  return { days, newestTs: Math.max(...times), oldestTs: Math.min(...times) };
}

/** With `items` where page `index` was let go; what the neighbours say of the way on stays. */
export function filled<T>(data: Pages<T>, index: number, items: T[]): Pages<T> {
  const pages = data.pages.map(({ hollow, ...page }, at) => {
    if (hollow === undefined) return page;
    return at === index ? { ...page, items } : { ...page, hollow };
  });
  return { ...data, pages };
}

/** On which page an item stands. */
export function pageWith<T extends { id: string }>(data: Pages<T>, id: string): number | null {
  const index = data.pages.findIndex(({ items }) => items.some((item) => item.id === id));
  return index < 0 ? null : index;
}
