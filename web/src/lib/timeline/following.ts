import type { Event } from '../api/types';

/** The item after `event`; if the filter hides the event itself, the first one beyond its time. */
export function following(items: Event[], event: Event): Event | null {
  const at = items.findIndex((item) => item.id === event.id);
  if (at >= 0) return items[at + 1] ?? null;
  return items.find((item) => Math.abs(item.event_ts - event.event_ts) > 1) ?? null;
}
