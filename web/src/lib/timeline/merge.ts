/**
 * How live updates and fetched pages become one list: every event once, newest first, whatever
 * the order in which news and pages come in. Pure; the data is never changed in place.
 */
import type { Event, EventPage } from '../api/types';
import type { Fits } from '../filters';
import { fresher } from '../review/seen';
import { parseWallTime } from '../time';
import { loaded, slots, type Pages as PagesOf, type Place, type Slot } from './pages';

export type Pages = PagesOf<Event>;

/** The list as it stands: all loaded events in order, each id once (a page may repeat what came in live), and rooms. */
export function eventSlots(data: Pages | undefined): Slot<Event>[] {
  const seen = new Set<string>();
  return slots<Event>(data, (items, all) => {
    for (const event of items) {
      if (seen.has(event.id)) continue;
      seen.add(event.id);
      all.push(event);
    }
  });
}

/** The loaded ones alone. */
export function flatten(data: Pages | undefined): Event[] {
  return loaded(eventSlots(data));
}

export const eventPlace = (event: Event): Place => ({
  date: event.capture_date,
  offsetMinutes: parseWallTime(event.captured_at)?.offsetMinutes ?? 0,
  ts: event.event_ts,
});

export function contains(data: Pages, id: string): boolean {
  return data.pages.some((page) => page.items.some((event) => event.id === id));
}

/**
 * Puts a new or changed event in its place. What doesn't fit leaves the list; what
 * lies beyond the last loaded page, or on one that was let go of, is left for that page to bring.
 */
export function upsert(data: Pages, event: Event, fits: Fits): Pages {
  if (!fits(event)) return remove(data, event.id);
  const place = locate(data, event.id);
  if (place) {
    const current = data.pages[place.page]?.items[place.item];
    if (current && current.event_ts === event.event_ts) {
      return withPage(data, place.page, (items) =>
        items.map((item) => (item.id === event.id ? fresher(item, event) : item)),
      );
    }
    if (current) event = fresher(current, event);
    data = remove(data, event.id);
  }
  return insert(data, event);
}

function insert(data: Pages, event: Event): Pages {
  for (const [index, page] of data.pages.entries()) {
    // In a stretch that was let go of: it comes with it.
    if (page.hollow && event.event_ts >= page.hollow.oldestTs) return data;
    const at = page.items.findIndex((item) => comesBefore(event, item));
    if (at >= 0) return withPage(data, index, (items) => items.toSpliced(at, 0, event));
  }
  const last = data.pages.length - 1;
  // A later page will bring it.
  if (last < 0 || data.pages[last]?.next_cursor || data.pages[last]?.hollow) return data;
  return withPage(data, last, (items) => [...items, event]);
}

/** Newest first; within one millisecond by id, which sorts as the server's list does. */
function comesBefore(a: Event, b: Event): boolean {
  return a.event_ts === b.event_ts ? a.id > b.id : a.event_ts > b.event_ts;
}

export function remove(data: Pages, id: string): Pages {
  const place = locate(data, id);
  return place
    ? withPage(data, place.page, (items) => items.filter((item) => item.id !== id))
    : data;
}

/**
 * Brings the top of the list up to date after a gap in the live stream. `head` is the freshly
 * fetched first page: what it has is taken, and what it no longer has within its own reach is
 * gone. Where it no longer meets what is loaded, the list starts anew from it.
 */
export function mergeHead(data: Pages, head: EventPage, fits: Fits): Pages {
  const reachesEnd = !head.next_cursor;
  const overlaps = head.items.some((event) => contains(data, event.id));
  const loaded = data.pages.some((page) => page.items.length > 0);
  if (reachesEnd || (loaded && !overlaps)) return { pages: [head], pageParams: [undefined] };

  const oldest = head.items.at(-1)?.event_ts ?? Infinity;
  const present = new Set(head.items.map((event) => event.id));
  let merged: Pages = {
    ...data,
    pages: data.pages.map((page) => ({
      ...page,
      items: page.items.filter((item) => present.has(item.id) || item.event_ts <= oldest),
    })),
  };
  // From the oldest on, so that events of one millisecond end up in the server's order.
  for (const event of head.items.toReversed()) merged = upsert(merged, event, fits);
  return merged;
}

/** How many of `head` are news to the list. */
export function newIn(data: Pages, head: EventPage): Event[] {
  return head.items.filter((event) => !contains(data, event.id));
}

function locate(data: Pages, id: string): { page: number; item: number } | null {
  for (const [page, { items }] of data.pages.entries()) {
    const item = items.findIndex((event) => event.id === id);
    if (item >= 0) return { page, item };
  }
  return null;
}

function withPage(data: Pages, index: number, change: (items: Event[]) => Event[]): Pages {
  return {
    ...data,
    pages: data.pages.map((page, at) =>
      at === index ? { ...page, items: change(page.items) } : page,
    ),
  };
}

/** Changes events where they stand; the same data where nothing changes. */
export function mapEvents(data: Pages, change: (event: Event) => Event): Pages {
  let changed = false;
  const pages = data.pages.map((page) => {
    const items = page.items.map(change);
    if (items.every((item, at) => item === page.items[at])) return page;
    changed = true;
    return { ...page, items };
  });
  return changed ? { ...data, pages } : data;
}
