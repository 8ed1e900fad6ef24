/** An incident with all of its captures: the server tells of 500 at once. */
import type { EventQuery } from '../api/client';
import type { Event, EventPage, Incident } from '../api/types';
import { NO_FILTERS } from '../filters';

const PAGE = 500;
/** Twenty thousand captures in ten minutes: beyond that `more` says how many aren't here. */
const PAGES_MAX = 40;

/** What is asked of the server. */
interface Calls {
  incident: (id: string, signal?: AbortSignal) => Promise<Incident>;
  events: (query: EventQuery, signal?: AbortSignal) => Promise<EventPage>;
}

export async function wholeIncident(
  api: Calls,
  id: string,
  signal?: AbortSignal,
): Promise<Incident> {
  const told = await api.incident(id, signal);
  const last = told.events.at(-1);
  if (told.more === 0 || !last) return told;
  const events = new Map<string, Event>(told.events.map((event) => [event.id, event]));
  const count = events.size + told.more;
  // What comes next by time belongs to it, as many as it has: nothing else lies between.
  let cursor: string | undefined;
  for (let page = 0; page < PAGES_MAX && events.size < count; page += 1) {
    const asked = { filters: NO_FILTERS, limit: PAGE, order: 'oldest' as const, cursor };
    const answer = await api.events({ ...asked, fromMs: last.event_ts }, signal);
    for (const event of answer.items) if (events.size < count) events.set(event.id, event);
    cursor = answer.next_cursor ?? undefined;
    if (cursor === undefined) break;
  }
  return { ...told, events: [...events.values()], more: count - events.size };
}
