/**
 * What the timeline shows. The URL's query is the only place where filters live, so any view can
 * be sent to a colleague, reloaded, and stepped back to.
 */
import type { Event, Group, Kind } from './api/types';
import { belongs } from './groups';

export interface Filters {
  /** Camera names; none means all. Sorted, without repeats. */
  cameras: string[];
  /** A group of cameras, by its name; with `cameras` as well, only those that are both. */
  group: string | null;
  kind: Kind | null;
  /** A capture day in the cameras' own zones, `YYYY-MM-DD`. */
  date: string | null;
  /** Only what the signed-in person hasn't viewed. */
  unviewed: boolean;
  /** Only what is exempt from retention. */
  protected: boolean;
}

export const NO_FILTERS: Filters = {
  cameras: [],
  group: null,
  kind: null,
  date: null,
  unviewed: false,
  protected: false,
};

/** Reads a query string; what isn't understood is left out rather than sent on to fail. */
export function parseFilters(search: string): Filters {
  const params = new URLSearchParams(search);
  const cameras = [...new Set(params.getAll('camera').filter((name) => name !== ''))].sort();
  const group = params.get('group');
  const kind = params.get('kind');
  const date = params.get('date');
  return {
    cameras,
    group: group === '' ? null : group,
    kind: kind === 'record' || kind === 'snap' ? kind : null,
    date: date !== null && isCalendarDate(date) ? date : null,
    unviewed: params.get('unviewed') === 'true',
    protected: params.get('protected') === 'true',
  };
}

/** `?camera=a&camera=b&kind=record`, or the empty string when nothing is filtered. */
export function filtersToSearch(filters: Filters): string {
  const params = new URLSearchParams();
  for (const camera of filters.cameras) params.append('camera', camera);
  if (filters.group !== null) params.set('group', filters.group);
  if (filters.kind) params.set('kind', filters.kind);
  if (filters.date) params.set('date', filters.date);
  if (filters.unviewed) params.set('unviewed', 'true');
  if (filters.protected) params.set('protected', 'true');
  const query = params.toString();
  return query === '' ? '' : `?${query}`;
}

/** Equal filters, equal key. */
export const filtersKey = (filters: Filters): string => filtersToSearch(filters);

export const isFiltered = (filters: Filters): boolean => filtersToSearch(filters) !== '';

/** What a list takes in by itself. */
export type Fits = (event: Event) => boolean;

/**
 * `groups` is undefined while they are being fetched: then nothing fits a filter by group, and the
 * list asks the server. What has been viewed since stays on a list of the unviewed until that is loaded
 * anew: a card mustn't go from under the hand that opened it.
 */
export function matches(filters: Filters, event: Event, groups?: Group[]): boolean {
  return (
    (filters.group === null || isIn(groups, filters.group, event.camera_name)) &&
    (filters.cameras.length === 0 || filters.cameras.includes(event.camera_name)) &&
    (filters.kind === null || filters.kind === event.kind) &&
    (filters.date === null || filters.date === event.capture_date) &&
    (!filters.protected || event.protected)
  );
}

function isIn(groups: Group[] | undefined, name: string, camera: string): boolean {
  const group = groups?.find((candidate) => candidate.name === name);
  return group !== undefined && belongs(group, camera);
}

export function toggleCamera(filters: Filters, camera: string): Filters {
  const cameras = filters.cameras.includes(camera)
    ? filters.cameras.filter((name) => name !== camera)
    : [...filters.cameras, camera].sort();
  return { ...filters, cameras };
}

function isCalendarDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const ms = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}
