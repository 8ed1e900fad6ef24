/**
 * The only module that talks HTTP. Typed by the OpenAPI document; every failure leaves it as an
 * `ApiError` or `Unreachable`, and no call outlives its timeout: a spinner always ends.
 */
import createClient from 'openapi-fetch';
import type { Filters } from '../filters';
import { apiRoot } from '../base';
import { toApiError, Unreachable } from './problem';
import type { paths } from './schema';
import type { Camera, Event, EventPage, Session, SignInWays, Status } from './types';

const CALL_TIMEOUT_MS = 20_000;

/** Proves that our own script sends the request: a cross-site form cannot set a header. */
const CROSS_SITE_GUARD = { 'X-Camtrail': '1' };

const client = createClient<paths>({
  baseUrl: apiRoot(),
  credentials: 'same-origin',
  headers: CROSS_SITE_GUARD,
  fetch: (request) =>
    fetch(request, {
      signal: AbortSignal.any([request.signal, AbortSignal.timeout(CALL_TIMEOUT_MS)]),
    }),
});

type Answer<T> = { data?: T; error?: unknown; response: Response };

async function answered<T>(call: Promise<Answer<T>>, signal?: AbortSignal): Promise<Answer<T>> {
  try {
    return await call;
  } catch (cause) {
    if (signal?.aborted) throw cause; // we gave up ourselves
    throw new Unreachable('The server did not answer.', { cause });
  }
}

async function unwrap<T>(call: Promise<Answer<T>>, signal?: AbortSignal): Promise<T> {
  const { data, error, response } = await answered(call, signal);
  if (!response.ok || data === undefined) throw toApiError(response, error);
  return data;
}

const abortable = (signal: AbortSignal | undefined) => (signal ? { signal } : {});

export interface EventQuery {
  filters: Filters;
  limit: number;
  cursor?: string | undefined;
  order?: 'newest' | 'oldest';
  /** Bounds in epoch milliseconds. */
  fromMs?: number;
  toMs?: number;
}

const rfc3339 = (ms: number) => new Date(ms).toISOString();

export const api = {
  session: (signal?: AbortSignal): Promise<Session> =>
    unwrap(client.GET('/api/v1/session', abortable(signal)), signal),

  signInWays: (signal?: AbortSignal): Promise<SignInWays> =>
    unwrap(client.GET('/api/v1/sign-in', abortable(signal)), signal),

  signIn: (username: string, password: string): Promise<Session> =>
    unwrap(client.POST('/api/v1/session', { body: { username, password } })),

  async signOut(): Promise<void> {
    const { error, response } = await answered(client.DELETE('/api/v1/session'));
    // 401: somebody else ended the session already, which is what was asked for.
    if (!response.ok && response.status !== 401) throw toApiError(response, error);
  },

  events(query: EventQuery, signal?: AbortSignal): Promise<EventPage> {
    const { filters, limit, cursor, order, fromMs, toMs } = query;
    return unwrap(
      client.GET('/api/v1/events', {
        params: {
          query: {
            limit,
            ...(filters.cameras.length > 0 && { camera: filters.cameras }),
            ...(filters.kind && { kind: filters.kind }),
            ...(filters.date && { date: filters.date }),
            ...(cursor !== undefined && { cursor }),
            ...(order && { order }),
            ...(fromMs !== undefined && { from: rfc3339(fromMs) }),
            ...(toMs !== undefined && { to: rfc3339(toMs) }),
          },
        },
        ...abortable(signal),
      }),
      signal,
    );
  },

  event: (id: string, signal?: AbortSignal): Promise<Event> =>
    unwrap(
      client.GET('/api/v1/events/{id}', { params: { path: { id } }, ...abortable(signal) }),
      signal,
    ),

  async cameras(signal?: AbortSignal): Promise<Camera[]> {
    const list = await unwrap(client.GET('/api/v1/cameras', abortable(signal)), signal);
    return list.items;
  },

  status: (signal?: AbortSignal): Promise<Status> =>
    unwrap(client.GET('/api/v1/status', abortable(signal)), signal),

  liveUrl: (): string => `${apiRoot()}/api/v1/live`,
};
