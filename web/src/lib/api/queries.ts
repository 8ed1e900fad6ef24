/** Cache keys and freshness of everything that is fetched, in one place. */
import { QueryCache, QueryClient, skipToken } from '@tanstack/svelte-query';
import { filtersKey, type Filters } from '../filters';
import { following } from '../timeline/following';
import { api } from './client';
import { ApiError, isStatus, isWorthRetrying } from './problem';
import type { Event } from './types';

export const EVENTS_PAGE = 100;
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
  timeline: (filters: Filters) => ['timeline', filtersKey(filters)] as const,
  /** Every one that is kept here, whatever its id or filters. */
  anyEvent: ['event'] as const,
  anyNeighbours: ['neighbours'] as const,
  timelines: ['timeline'] as const,
};

/** `onSessionEnd` is told once the server answers 401 to a call that was made signed in. */
export function createQueryClient(onSessionEnd: () => void): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({
      onError: (error) => {
        if (isStatus(error, 401)) onSessionEnd();
      },
    }),
    defaultOptions: {
      queries: {
        retry: (failures, error) => failures < MAX_RETRIES && isWorthRetrying(error),
        retryDelay: (attempt) => Math.min(500 * 2 ** attempt, MAX_RETRY_DELAY_MS),
        // Without a network the call fails at once and says so, instead of waiting silently.
        networkMode: 'always',
        staleTime: 30_000,
        refetchOnWindowFocus: false,
      },
    },
  });
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
  timeline: (filters: Filters) => ({
    queryKey: keys.timeline(filters),
    queryFn: ({ pageParam, signal }: { pageParam: string | undefined; signal: AbortSignal }) =>
      api.events({ filters, limit: EVENTS_PAGE, cursor: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: { next_cursor?: string | null }) => last.next_cursor ?? undefined,
    // Kept fresh by live updates and head syncs; refetching every page would cost them all again.
    staleTime: Infinity,
    gcTime: 15 * 60_000,
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
