/** The captures of an incident as its player goes through them. Pure. */
import type { Event } from '../api/types';

/** Pictures beside the main one: more are too small to see anything. */
export const COMPANIONS_MAX = 3;

const endOf = (event: Event): number => event.event_ts + (event.duration_ms ?? 0);

/** In the order seen: by time; at one moment clips before stills, so that the clip is what one opens. */
export function inOrder(events: Event[]): Event[] {
  const rank = ({ kind }: Event) => (kind === 'record' ? 0 : 1);
  return [...events].sort(
    (a, b) => a.event_ts - b.event_ts || rank(a) - rank(b) || (a.id < b.id ? -1 : 1),
  );
}

/** Clips of other cameras that were running while `main` was; one a camera, the longest overlap first. */
export function companions(events: Event[], main: Event): Event[] {
  if (main.kind !== 'record') return [];
  const overlap = (other: Event) =>
    Math.min(endOf(main), endOf(other)) - Math.max(main.event_ts, other.event_ts);
  const best = new Map<string, Event>();
  for (const other of events) {
    if (other.kind !== 'record' || other.camera_name === main.camera_name) continue;
    const plays = other.playable || other.h264_url != null || other.small_url != null;
    if (!plays || overlap(other) <= 0) continue;
    const known = best.get(other.camera_name);
    if (!known || overlap(other) > overlap(known)) best.set(other.camera_name, other);
  }
  return [...best.values()].sort((a, b) => overlap(b) - overlap(a)).slice(0, COMPANIONS_MAX);
}

/** Where `other` is, in seconds, when `main` is at `mainSeconds`: held at its ends. */
export function positionOf(other: Event, main: Event, mainSeconds: number): number {
  const at = mainSeconds - (other.event_ts - main.event_ts) / 1000;
  return Math.min(Math.max(at, 0), (other.duration_ms ?? 0) / 1000);
}

/** What of a long strip is drawn: some to either side of the one that is shown. */
export function windowed(count: number, at: number, size: number): { from: number; to: number } {
  const from = Math.max(0, Math.min(at - Math.floor(size / 2), count - size));
  return { from, to: Math.min(count, from + size) };
}
