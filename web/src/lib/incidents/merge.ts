/**
 * The list of incidents as the app keeps it: each once, newest first, whatever pages and news bring. What is
 * told of an incident may come in two pieces (docs/design/incidents.md); here they are one. Pure.
 */
import type { Event, Incident } from '../api/types';
import type { Fits } from '../filters';
import {
  isRoom,
  loaded,
  slots,
  type Page,
  type Pages,
  type Place,
  type Slot,
} from '../timeline/pages';
import { eventPlace } from '../timeline/merge';

export type IncidentPages = Pages<Incident>;

/** An incident where the timeline puts it: at its first event, on that camera's wall. */
export type PlacedIncident = Incident &
  Pick<Event, 'capture_date' | 'captured_at' | 'capture_hour'>;

/** The list as it stands: incidents in order, each once, and rooms. */
export function incidentSlots(data: IncidentPages | undefined): Slot<PlacedIncident>[] {
  const indexOf = new Map<string, number>();
  const whole = slots<Incident>(data, (items, all) => {
    for (const incident of items) {
      const at = indexOf.get(incident.id);
      const known = at === undefined ? undefined : all[at];
      if (at === undefined || known === undefined || isRoom(known)) {
        indexOf.set(incident.id, all.push(incident) - 1);
      } else all[at] = together(known, incident);
    }
  });
  return whole.flatMap((slot) => (isRoom(slot) ? slot : (placed(slot) ?? [])));
}

/** The loaded ones alone. */
export function flattenIncidents(data: IncidentPages | undefined): PlacedIncident[] {
  return loaded(incidentSlots(data));
}

/** By its first event's wall and its own beginning. */
export function incidentPlace(incident: Incident): Place {
  const [first] = incident.events;
  return first
    ? { ...eventPlace(first), ts: incident.started_ts }
    : { date: '', offsetMinutes: 0, ts: incident.started_ts };
}

function placed(incident: Incident): PlacedIncident | null {
  const first = incident.events[0];
  if (!first) return null;
  const { capture_date, captured_at, capture_hour } = first;
  return { ...incident, capture_date, captured_at, capture_hour };
}

/** Two pieces of one. */
function together(a: Incident, b: Incident): Incident {
  const known = new Set(a.events.map(({ id }) => id));
  const events = [...a.events, ...b.events.filter(({ id }) => !known.has(id))];
  const [first, last] = a.started_ts <= b.started_ts ? [a, b] : [b, a];
  return {
    ...first,
    ended_at: last.ended_ts > first.ended_ts ? last.ended_at : first.ended_at,
    ended_ts: Math.max(first.ended_ts, last.ended_ts),
    cameras: [...new Set([...a.cameras, ...b.cameras])].sort(),
    records: a.records + b.records,
    snaps: a.snaps + b.snaps,
    more: a.more + b.more,
    events: events.sort((one, other) => one.event_ts - other.event_ts),
    poster_url: a.poster_url ?? b.poster_url ?? null,
    protected: a.protected || b.protected,
    viewed: a.viewed === true && b.viewed === true,
  };
}

/** What a list with these filters tells of it; `null` where nothing fits. */
export function told(whole: Incident, fits: Fits): Incident | null {
  const events = whole.events.filter(fits);
  const [first] = events;
  if (!first) return null;
  if (events.length === whole.events.length) return whole;
  const poster = events.find(({ poster_url }) => poster_url != null)?.poster_url ?? null;
  return summed({ ...whole, events, more: 0, poster_url: poster });
}

function summed(incident: Incident): Incident {
  const { events } = incident;
  return {
    ...incident,
    cameras: [...new Set(events.map(({ camera_name }) => camera_name))].sort(),
    records: events.filter(({ kind }) => kind === 'record').length,
    snaps: events.filter(({ kind }) => kind === 'snap').length,
    protected: events.some((event) => event.protected),
    viewed: events.every(({ viewed }) => viewed === true),
  };
}

/**
 * Puts an incident in its place; those whose time it takes in leave: they have become one. What lies
 * beyond the last loaded page, or on one that was let go of, is left for that page to bring.
 */
export function upsertIncident(data: IncidentPages, incident: Incident): IncidentPages {
  const joined = (other: Incident) =>
    other.id === incident.id ||
    (other.started_ts <= incident.ended_ts && other.ended_ts >= incident.started_ts);
  const rest = mapIncidents(data, (other) => (joined(other) ? null : other));
  const page = rest.pages.findIndex(({ items, hollow }) =>
    hollow
      ? hollow.oldestTs <= incident.started_ts
      : items.some((other) => other.started_ts < incident.started_ts),
  );
  const at = page >= 0 ? page : rest.pages.length - 1;
  if (at < 0 || rest.pages[at]?.hollow || (page < 0 && rest.pages[at]?.next_cursor)) return rest;
  const pages = rest.pages.map((other, index) => {
    if (index !== at) return other;
    const before = other.items.findIndex(({ started_ts }) => started_ts < incident.started_ts);
    const place = before < 0 ? other.items.length : before;
    return { ...other, items: other.items.toSpliced(place, 0, incident) };
  });
  return { ...rest, pages };
}

/** The list begins with `head`, the first page as it is now. Where they don't meet, it is all there is. */
export function withHead(data: IncidentPages, head: Page<Incident>): IncidentPages {
  const oldest = head.items.at(-1);
  if (!oldest || !head.next_cursor) return { pages: [head], pageParams: [null] };
  const meets = data.pages.some(({ items }) => items.some(({ id }) => id === oldest.id));
  if (!meets) return { pages: [head], pageParams: [null] };
  const ids = new Set(head.items.map(({ id }) => id));
  const older = mapIncidents(data, (other) =>
    ids.has(other.id) || other.started_ts >= oldest.started_ts ? null : other,
  );
  const [first, ...others] = older.pages;
  if (!first) return { pages: [head], pageParams: [null] };
  return { ...older, pages: [{ ...first, items: [...head.items, ...first.items] }, ...others] };
}

/** Changes incidents where they stand, or takes them out; the same data where nothing changes. */
export function mapIncidents(
  data: IncidentPages,
  change: (incident: Incident) => Incident | null,
): IncidentPages {
  let changed = false;
  const pages = data.pages.map((page) => {
    const items = page.items.flatMap((item) => change(item) ?? []);
    const same = items.length === page.items.length && items.every((it, i) => it === page.items[i]);
    if (same) return page;
    changed = true;
    return { ...page, items };
  });
  return changed ? { ...data, pages } : data;
}

/** Changes events of one; what isn't told of in full keeps what it said of the rest. */
export function mapIncident(incident: Incident, change: (event: Event) => Event): Incident {
  const events = incident.events.map(change);
  if (events.every((event, at) => event === incident.events[at])) return incident;
  const rest = incident.more > 0;
  return {
    ...incident,
    events,
    poster_url: posterAmong(incident, events),
    viewed: events.every(({ viewed }) => viewed === true) && !(rest && incident.viewed === false),
    protected: events.some((event) => event.protected) || (rest && incident.protected),
  };
}

/** The picture that stands for it: as the server chooses it, where there was none; else that capture's. */
function posterAmong(before: Incident, events: Event[]): string | null {
  const url = before.poster_url ?? null;
  const at = before.events.findIndex(({ poster_url }) => poster_url != null && poster_url === url);
  if (at >= 0) return events[at]?.poster_url ?? null;
  if (url !== null) return url; // of one that isn't told of
  const with_ = events.filter(({ poster_url }) => poster_url != null);
  const clips = with_.filter(({ kind }) => kind === 'record');
  const lasts = ({ duration_ms }: Event) => duration_ms ?? 0;
  const longest = clips.reduce<Event | undefined>(
    (best, clip) => (best && lasts(best) >= lasts(clip) ? best : clip),
    undefined,
  );
  return (longest ?? with_[0])?.poster_url ?? null;
}

/** `incident` with the links of `fresh`, which tells of the same. */
export function withLinks(incident: Incident, fresh: Incident): Incident {
  if (incident.id !== fresh.id) return incident;
  const events = new Map(fresh.events.map((event) => [event.id, event]));
  return {
    ...incident,
    poster_url: fresh.poster_url ?? incident.poster_url ?? null,
    events: incident.events.map((event) => events.get(event.id) ?? event),
  };
}

export function without(incident: Incident, id: string): Incident | null {
  const events = incident.events.filter((event) => event.id !== id);
  if (events.length === incident.events.length) return incident;
  if (events.length === 0) return null;
  return incident.more === 0 ? summed({ ...incident, events }) : { ...incident, events };
}
