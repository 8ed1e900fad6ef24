/** Cache keys and freshness of everything that is fetched, in one place. */
import { QueryClient, skipToken } from '@tanstack/svelte-query';
import { filtersKey, type Filters } from '../filters';
import { wholeIncident } from '../incidents/whole';
import { parseWallTime } from '../time';
import { following } from '../timeline/following';
import { api, type CountAsked, type EventQuery } from './client';
import { ApiError, isStatus, isWorthRetrying } from './problem';
import { bounds, pageOf, type Page, type Param } from '../timeline/pages';
import type { Event, Incident } from './types';

/** The server answers the first of each with the page (`first_answers.rs`). */
export const EVENTS_PAGE = 100;
export const INCIDENTS_PAGE = 24;
/** To catch up with a list that was loaded a moment ago. */
export const BRIEF_PAGE = 8;
const BRIEF_MS = 10_000;
/** The server gives no more at once. */
export const PAGE_MAX = 500;
const MAX_RETRIES = 3;
const MAX_RETRY_DELAY_MS = 8_000;

export const keys = {
  session: ['session'] as const,
  signInWays: ['sign-in-ways'] as const,
  cameras: ['cameras'] as const,
  status: ['status'] as const,
  groups: ['groups'] as const,
  event: (id: string) => ['event', id] as const,
  neighbours: (id: string, filters: Filters) => ['neighbours', id, filtersKey(filters)] as const,
  timeline: (filters: Filters, atMs: number | null = null) =>
    ['timeline', filtersKey(filters), atMs] as const,
  incidents: (filters: Filters, atMs: number | null = null) =>
    ['incidents', filtersKey(filters), atMs] as const,
  incident: (id: string) => ['incident', id] as const,
  incidentNeighbours: (id: string, filters: Filters) =>
    ['incident-neighbours', id, filtersKey(filters)] as const,
  unviewedDays: (filters: Filters, month: string) =>
    ['unviewed-days', filtersKey(filters), month] as const,
  counts: (asked: CountAsked) =>
    ['counts', asked.by, filtersKey(asked.filters), asked.from ?? null, asked.to ?? null] as const,
  /** Every one that is kept here, whatever its id or filters. */
  anyEvent: ['event'] as const,
  anyNeighbours: ['neighbours'] as const,
  timelines: ['timeline'] as const,
  incidentLists: ['incidents'] as const,
  anyIncident: ['incident'] as const,
  anyCounts: ['counts'] as const,
  anyUnviewedDays: ['unviewed-days'] as const,
};

/**
 * When lists were last asked for from their beginning. The data library's own time is another: whatever is written
 * into a list, a mark say, makes it look fresh.
 */
const loadedAt = new Map<string, number>();
const LISTS_NOTED_MAX = 200;

export function noteLoaded(key: readonly unknown[]): void {
  if (loadedAt.size >= LISTS_NOTED_MAX) loadedAt.clear();
  loadedAt.set(JSON.stringify(key), Date.now());
}

/** Loaded or brought up to date a moment ago: little can have come since. */
export function isFresh(key: readonly unknown[]): boolean {
  return Date.now() - (loadedAt.get(JSON.stringify(key)) ?? 0) < BRIEF_MS;
}

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        retry: (failures, error) => failures < MAX_RETRIES && isWorthRetrying(error),
        retryDelay: (attempt) => Math.min(500 * 2 ** attempt, MAX_RETRY_DELAY_MS),
        // Without a network the call fails at once and says so, instead of waiting silently.
        networkMode: 'always',
        staleTime: 30_000,
        refetchOnWindowFocus: false,
        // Told of all that changes: told only of what was read so far, a page that reads something later
        // (behind an `||`, say) would find it as it was at the beginning, and never hear of it again.
        notifyOnChangeProps: 'all',
      },
    },
  });
}

/** A filter that fits nothing for long is a page without items, behind which the walk goes on. */
function nothingYet<T>(error: unknown): Page<T> {
  if (error instanceof ApiError && error.nextCursor !== null) {
    return { items: [], next_cursor: error.nextCursor };
  }
  throw error;
}

/** `queryKey` is there where the list is loaded from its beginning. */
interface Asked {
  pageParam: Param;
  signal: AbortSignal;
  queryKey?: readonly unknown[];
}

/** A list without end: back in time by cursor; one that begins at a moment goes on to newer ones as well. */
function endless<T>(
  fetchPage: (query: EventQuery, signal: AbortSignal) => Promise<Page<T>>,
  query: { filters: Filters; limit: number },
  atMs: number | null,
) {
  return {
    queryFn: async ({ pageParam, signal, queryKey }: Asked) => {
      const asked = fetchPage({ ...query, ...bounds(pageParam, atMs) }, signal);
      const page = await asked.catch(nothingYet<T>);
      if (pageParam === null && queryKey) noteLoaded(queryKey);
      return pageOf(page, pageParam, atMs);
    },
    initialPageParam: null as Param,
    getNextPageParam: (last: Page<T>): Param | undefined =>
      last.next_cursor == null ? undefined : { older: last.next_cursor },
    getPreviousPageParam: (first: Page<T>): Param | undefined =>
      first.newer === undefined ? undefined : { newer: first.newer },
    // Kept fresh by live updates and head syncs; refetching every page would cost them all again.
    staleTime: Infinity,
    gcTime: 15 * 60_000,
  };
}

export const queries = {
  session: () => ({
    queryKey: keys.session,
    /** `null`: signed out. */
    queryFn: async ({ signal }: { signal: AbortSignal }) => {
      try {
        return await api.session(signal);
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) return null;
        throw error;
      }
    },
    staleTime: Infinity,
  }),
  signInWays: () => ({
    queryKey: keys.signInWays,
    queryFn: ({ signal }: { signal: AbortSignal }) => api.signInWays(signal),
    staleTime: 60_000,
  }),
  cameras: () => ({
    queryKey: keys.cameras,
    queryFn: ({ signal }: { signal: AbortSignal }) => api.cameras(signal),
    // Silence comes without a message.
    refetchInterval: 60_000,
  }),
  status: () => ({
    queryKey: keys.status,
    queryFn: ({ signal }: { signal: AbortSignal }) => api.status(signal),
    staleTime: 60_000,
  }),
  groups: () => ({
    queryKey: keys.groups,
    queryFn: ({ signal }: { signal: AbortSignal }) => api.groups(signal),
    staleTime: 60_000,
  }),
  event: (id: string) => ({
    queryKey: keys.event(id),
    queryFn: ({ signal }: { signal: AbortSignal }) => api.event(id, signal),
  }),
  timeline: (filters: Filters, atMs: number | null = null) => ({
    queryKey: keys.timeline(filters, atMs),
    ...endless((query, signal) => api.events(query, signal), { filters, limit: EVENTS_PAGE }, atMs),
  }),
  incidents: (filters: Filters, atMs: number | null = null) => ({
    queryKey: keys.incidents(filters, atMs),
    ...endless(
      (query, signal) => api.incidents(query, signal),
      { filters, limit: INCIDENTS_PAGE },
      atMs,
    ),
  }),
  incident: (id: string) => ({
    queryKey: keys.incident(id),
    queryFn: ({ signal }: { signal: AbortSignal }) => wholeIncident(api, id, signal),
  }),
  incidentNeighbours: (incident: Incident | undefined, filters: Filters) => ({
    queryKey: keys.incidentNeighbours(incident?.id ?? '', filters),
    queryFn: (incident
      ? ({ signal }: { signal: AbortSignal }) => incidentsAround(incident, filters, signal)
      : skipToken) as
      typeof skipToken | ((context: { signal: AbortSignal }) => Promise<IncidentNeighbours>),
    staleTime: 15_000,
  }),
  unviewedDays: (filters: Filters, month: string) => ({
    queryKey: keys.unviewedDays(filters, month),
    queryFn: ({ signal }: { signal: AbortSignal }) => unviewedDays(filters, month, signal),
    staleTime: 30_000,
  }),
  counts: (asked: CountAsked) => ({
    queryKey: keys.counts(asked),
    queryFn: ({ signal }: { signal: AbortSignal }) => api.counts(asked, signal),
    staleTime: 5 * 60_000,
  }),
  /** Waits for `event`, which its own query is still fetching at first. */
  neighbours: (id: string, event: Event | undefined, filters: Filters) => ({
    queryKey: keys.neighbours(id, filters),
    queryFn: (event
      ? ({ signal }: { signal: AbortSignal }) => fetchNeighbours(event, filters, signal)
      : skipToken) as
      typeof skipToken | ((context: { signal: AbortSignal }) => Promise<Neighbours>),
    staleTime: 15_000,
  }),
};

const DAY_MS = 86_400_000;

/**
 * The days of `month` (`YYYY-MM`) with something that wasn't viewed: the newest such event, then the newest
 * before that day, and so on. One small call a day that has any, and one more: 32 at most.
 */
async function unviewedDays(
  filters: Filters,
  month: string,
  signal: AbortSignal,
): Promise<string[]> {
  const days: string[] = [];
  const first = Date.parse(`${month}-01T00:00:00Z`);
  // Walls anywhere on earth: fourteen hours before, twelve behind UTC; what isn't of the month is passed over.
  const fromMs = first - 14 * 3_600_000;
  let toMs = first + 32 * DAY_MS;
  for (let calls = 0; calls < 40 && toMs > fromMs; calls += 1) {
    const asked = { filters: { ...filters, unviewed: true }, limit: 1, fromMs, toMs };
    let event: Event | undefined;
    try {
      [event] = (await api.events(asked, signal)).items;
    } catch (error) {
      if (isStatus(error, 422)) break; // too much to look through: the rest stays unmarked
      throw error;
    }
    const wall = event && parseWallTime(event.captured_at);
    if (!event || !wall) break;
    if (wall.date.startsWith(month) && !days.includes(wall.date)) days.push(wall.date);
    toMs = Date.parse(`${wall.date}T00:00:00Z`) - wall.offsetMinutes * 60_000;
  }
  return days;
}

export interface IncidentNeighbours {
  newer: Incident | null;
  older: Incident | null;
}

async function incidentsAround(
  incident: Incident,
  filters: Filters,
  signal: AbortSignal,
): Promise<IncidentNeighbours> {
  // A clip may last into the next one where a long stretch was cut: its last beginning counts.
  const last = incident.more === 0 ? incident.events.at(-1)?.event_ts : undefined;
  const fromMs = (last ?? incident.ended_ts) + 1;
  const [up, down] = await Promise.all([
    api.incidents({ filters, limit: 1, order: 'oldest', fromMs }, signal),
    api.incidents({ filters, limit: 1, order: 'newest', toMs: incident.started_ts }, signal),
  ]);
  return { newer: up.items[0] ?? null, older: down.items[0] ?? null };
}

export interface Neighbours {
  newer: Event | null;
  older: Event | null;
}

/** A burst may share one millisecond; this many captures at once are still told apart. */
const NEIGHBOUR_PAGE = 50;

/** For an event that was opened by its link, with no list around it. */
async function fetchNeighbours(
  event: Event,
  filters: Filters,
  signal: AbortSignal,
): Promise<Neighbours> {
  // One millisecond to either side: right whether the bounds are inclusive or not.
  const [up, down] = await Promise.all([
    api.events(
      { filters, limit: NEIGHBOUR_PAGE, order: 'oldest', fromMs: event.event_ts - 1 },
      signal,
    ),
    api.events(
      { filters, limit: NEIGHBOUR_PAGE, order: 'newest', toMs: event.event_ts + 1 },
      signal,
    ),
  ]);
  return { newer: following(up.items, event), older: following(down.items, event) };
}
