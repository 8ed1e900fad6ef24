/** Pages and their URLs, relative to the base path. Pure: `router.svelte.ts` holds the state. */
import { filtersToSearch, parseFilters, type Filters } from './filters';

export type Route =
  | { page: 'timeline'; filters: Filters }
  /** The filters say what "next" and "previous" step through. */
  | { page: 'event'; id: string; filters: Filters }
  | { page: 'cameras' }
  | { page: 'settings' }
  | { page: 'not-found' };

/** `base` ends in a slash, as `basePath()` gives it. */
export function parseRoute(pathname: string, search: string, base: string): Route {
  if (pathname === base.slice(0, -1)) pathname = base;
  if (!pathname.startsWith(base)) return { page: 'not-found' };
  const segments = pathname.slice(base.length).split('/');
  if (segments.at(-1) === '') segments.pop(); // a trailing slash means nothing
  const [first, second] = segments;
  if (first === undefined || (first === 'index.html' && segments.length === 1)) {
    return { page: 'timeline', filters: parseFilters(search) };
  }
  if (first === 'cameras' && segments.length === 1) return { page: 'cameras' };
  if (first === 'settings' && segments.length === 1) return { page: 'settings' };
  if (first === 'event' && second !== undefined && segments.length === 2) {
    const id = decoded(second);
    if (id !== null) return { page: 'event', id, filters: parseFilters(search) };
  }
  return { page: 'not-found' };
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
  timeline: (filters?: Filters): string => `./${filters ? filtersToSearch(filters) : ''}`,
  event: (id: string, filters?: Filters): string =>
    `./event/${encodeURIComponent(id)}${filters ? filtersToSearch(filters) : ''}`,
  cameras: (): string => './cameras',
  settings: (): string => './settings',
};
