/** Pages and their URLs, relative to the base path. Pure: `router.svelte.ts` holds the state. */
import { filtersToSearch, parseFilters, type Filters } from './filters';

/** What a card on the timeline stands for: one happening, or one capture. */
export type TimelineView = 'incidents' | 'events';

/** How the timeline is looked at, beside its filters. */
export interface Look {
  /** `null`: as this browser was used last. */
  view: TimelineView | null;
  /** The hour on the cameras' walls from which the list goes back, `YYYY-MM-DDTHH`; `null`: from now. */
  at: string | null;
}

export const NO_LOOK: Look = { view: null, at: null };

export type Route =
  | { page: 'timeline'; filters: Filters; look: Look }
  /** One happening; the filters say which ones come before and after it. */
  | { page: 'incident'; id: string; filters: Filters }
  /** The filters say what "next" and "previous" step through. */
  | { page: 'event'; id: string; filters: Filters }
  | { page: 'cameras' }
  | { page: 'statistics' }
  | { page: 'settings'; room: SettingsRoom }
  | { page: 'not-found' };

/** The rooms of the settings; the first one is what `/settings` shows. */
export const SETTINGS_ROOMS = [
  'groups',
  'account',
  'notifications',
  'shares',
  'people',
  'log',
  'about',
] as const;
export type SettingsRoom = (typeof SETTINGS_ROOMS)[number];

/** `base` ends in a slash, as `basePath()` gives it. */
export function parseRoute(pathname: string, search: string, base: string): Route {
  if (pathname === base.slice(0, -1)) pathname = base;
  if (!pathname.startsWith(base)) return { page: 'not-found' };
  const segments = pathname.slice(base.length).split('/');
  if (segments.at(-1) === '') segments.pop(); // a trailing slash means nothing
  const [first, second] = segments;
  if (first === undefined || (first === 'index.html' && segments.length === 1)) {
    return { page: 'timeline', filters: parseFilters(search), look: parseLook(search) };
  }
  if (first === 'cameras' && segments.length === 1) return { page: 'cameras' };
  if (first === 'statistics' && segments.length === 1) return { page: 'statistics' };
  if (first === 'settings' && segments.length <= 2) {
    const room = SETTINGS_ROOMS.find((name) => name === (second ?? SETTINGS_ROOMS[0]));
    if (room) return { page: 'settings', room };
  }
  const one = first === 'event' || first === 'incident';
  if (one && second !== undefined && segments.length === 2) {
    const id = decoded(second);
    if (id !== null) return { page: first, id, filters: parseFilters(search) };
  }
  return { page: 'not-found' };
}

const HOUR = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3])$/;

function parseLook(search: string): Look {
  const params = new URLSearchParams(search);
  const view = params.get('view');
  const at = params.get('at');
  return {
    view: view === 'incidents' || view === 'events' ? view : null,
    at: at !== null && HOUR.test(at) ? at : null,
  };
}

function search(filters: Filters | undefined, look: Look = NO_LOOK): string {
  const params = new URLSearchParams(filters ? filtersToSearch(filters) : '');
  if (look.view) params.set('view', look.view);
  if (look.at) params.set('at', look.at);
  const query = params.toString();
  return query === '' ? '' : `?${query}`;
}

function decoded(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null; // a broken escape, cut off by whatever carried the link
  }
}

/** Relative to the base: what goes into an `href`. */
export const href = {
  timeline: (filters?: Filters, look?: Look): string => `./${search(filters, look)}`,
  incident: (id: string, filters?: Filters): string =>
    `./incident/${encodeURIComponent(id)}${search(filters)}`,
  event: (id: string, filters?: Filters): string =>
    `./event/${encodeURIComponent(id)}${filters ? filtersToSearch(filters) : ''}`,
  cameras: (): string => './cameras',
  statistics: (): string => './statistics',
  settings: (room?: SettingsRoom): string =>
    room === undefined || room === SETTINGS_ROOMS[0] ? './settings' : `./settings/${room}`,
};
