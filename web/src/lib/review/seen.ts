/** The rules of review on one event; the server's own are in its review module. Pure. */
import type { Event } from '../api/types';

export const seen = (event: Event, viewed: boolean): Event =>
  event.viewed === viewed ? event : { ...event, viewed };

/** Whether "everything up to `mark`" means `other`: ids sort as the timeline does. */
export const reaches = (mark: { id: string }, other: { id: string }): boolean =>
  other.id <= mark.id;

/** Another answer about an event: live messages don't tell what a person viewed. */
export const fresher = (known: Event, event: Event): Event =>
  event.viewed == null && known.viewed != null ? { ...event, viewed: known.viewed } : event;
