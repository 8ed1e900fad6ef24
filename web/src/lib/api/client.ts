/**
 * The only module that talks HTTP (its later half is `settings.ts`). Typed by the OpenAPI document; every failure leaves it as an
 * `ApiError` or `Unreachable`, and no call outlives its timeout: a spinner always ends.
 */
import createClient from 'openapi-fetch';
import type { Filters } from '../filters';
import { mapIncident } from '../incidents/merge';
import { standing } from '../review/standing';
import { apiRoot } from '../base';
import { firstAnswer } from './first-answers';
import { retryAfterSeconds, toApiError, Unreachable } from './problem';
import type { paths } from './schema';
import type {
  Camera,
  CountList,
  Event,
  EventChanges,
  EventPage,
  Group,
  Incident,
  IncidentPage,
  Making,
  Session,
  SignInWays,
  Status,
  ViewedList,
} from './types';

const CALL_TIMEOUT_MS = 20_000;

/** Proves that our own script sends the request: a cross-site form cannot set a header. */
const CROSS_SITE_GUARD = { 'X-Camtrail': '1' };

/** A mark is made though its page is closed with the same stroke. Small: what outlives a page holds 64 kB at most. */
const outlives = ({ method, url }: Request) => method !== 'GET' && url.endsWith('/viewed');

/** For this folder only: `settings.ts` holds the calls that the first page doesn't need. */
export const client = createClient<paths>({
  baseUrl: apiRoot(),
  credentials: 'same-origin',
  headers: CROSS_SITE_GUARD,
  fetch: (request) => {
    const known = firstAnswer(request, apiRoot());
    if (known) return Promise.resolve(known);
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(CALL_TIMEOUT_MS)]);
    return fetch(request, { signal, keepalive: outlives(request) });
  },
});

type Answer<T> = { data?: T; error?: unknown; response: Response };

let onSessionEnd: () => void = () => undefined;
/** `tell` is called for every call, reading or changing, that finds the session ended. */
export function whenSessionEnds(tell: () => void): void {
  onSessionEnd = tell;
}

/** Asked for the session itself, "nobody is signed in" is an answer. */
const asksWho = ({ url }: Response) => new URL(url, location.href).pathname.endsWith('/session');

async function answered<T>(call: Promise<Answer<T>>, signal?: AbortSignal): Promise<Answer<T>> {
  try {
    const answer = await call;
    if (answer.response.status === 401 && !asksWho(answer.response)) onSessionEnd();
    return answer;
  } catch (cause) {
    if (signal?.aborted) throw cause; // we gave up ourselves
    throw new Unreachable('The server did not answer.', { cause });
  }
}

export async function unwrap<T>(call: Promise<Answer<T>>, signal?: AbortSignal): Promise<T> {
  const { data, error, response } = await answered(call, signal);
  if (!response.ok || data === undefined) throw toApiError(response, error);
  return data;
}

/** For calls whose answer has no body. */
export async function done(call: Promise<Answer<unknown>>): Promise<void> {
  const { error, response } = await answered(call);
  if (!response.ok) throw toApiError(response, error);
}

/** What is made when somebody asks: there, or on its way. */
export type Wish = { event: Event } | { making: Making; againAfterSeconds: number };

const AGAIN_AFTER_SECONDS = 5;

async function wish(call: Promise<Answer<Event | Making>>): Promise<Wish> {
  const { data, error, response } = await answered(call);
  if (!response.ok || data === undefined) throw toApiError(response, error);
  if (!('ahead' in data)) return { event: data };
  const seconds = retryAfterSeconds(response.headers.get('Retry-After'), Date.now());
  return { making: data, againAfterSeconds: Math.max(1, seconds ?? AGAIN_AFTER_SECONDS) };
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

export interface CountAsked {
  by: 'hour' | 'day' | 'camera';
  /** Which captures are counted: `cameras`, `group` and `kind` of it. */
  filters: Filters;
  /** Dates on the cameras' walls; `to` is the first that isn't counted. */
  from?: string | undefined;
  to?: string | undefined;
}

const rfc3339 = (ms: number) => new Date(ms).toISOString();

/** Bounds, filters and place in a list, as both lists take them. */
function listed({ filters, limit, cursor, order, fromMs, toMs }: EventQuery) {
  return {
    limit,
    ...(filters.cameras.length > 0 && { camera: filters.cameras }),
    ...(filters.group !== null && { group: filters.group }),
    ...(filters.kind && { kind: filters.kind }),
    ...(filters.date && { date: filters.date }),
    ...(filters.unviewed && { unviewed: true }),
    ...(filters.protected && { protected: true }),
    ...(cursor !== undefined && { cursor }),
    ...(order && { order }),
    ...(fromMs !== undefined && { from: rfc3339(fromMs) }),
    ...(toMs !== undefined && { to: rfc3339(toMs) }),
  };
}

/** What was changed here after `askedMs` stands over what the answer says. */
const since = (askedMs: number) => (event: Event) => standing.over(event, askedMs);

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

  async events(query: EventQuery, signal?: AbortSignal): Promise<EventPage> {
    const [params, asked] = [{ query: listed(query) }, since(performance.now())];
    const call = client.GET('/api/v1/events', { params, ...abortable(signal) });
    const page = await unwrap(call, signal);
    return { ...page, items: page.items.map(asked) };
  },

  async incidents(query: EventQuery, signal?: AbortSignal): Promise<IncidentPage> {
    const [params, asked] = [{ query: listed(query) }, since(performance.now())];
    const call = client.GET('/api/v1/incidents', { params, ...abortable(signal) });
    const page = await unwrap(call, signal);
    return { ...page, items: page.items.map((incident) => mapIncident(incident, asked)) };
  },

  /** Of more than 500 captures the first ones: `wholeIncident` has all. */
  async incident(id: string, signal?: AbortSignal): Promise<Incident> {
    const [params, asked] = [{ path: { id } }, since(performance.now())];
    const call = client.GET('/api/v1/incidents/{id}', { params, ...abortable(signal) });
    return mapIncident(await unwrap(call, signal), asked);
  },

  counts({ by, filters, from, to }: CountAsked, signal?: AbortSignal): Promise<CountList> {
    const { cameras, group, kind } = filters;
    const query = {
      by,
      ...(cameras.length > 0 && { camera: cameras }),
      ...(group !== null && { group }),
      ...(kind && { kind }),
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
    };
    return unwrap(
      client.GET('/api/v1/counts', { params: { query }, ...abortable(signal) }),
      signal,
    );
  },

  async event(id: string, signal?: AbortSignal): Promise<Event> {
    const [params, asked] = [{ path: { id } }, since(performance.now())];
    const call = client.GET('/api/v1/events/{id}', { params, ...abortable(signal) });
    return asked(await unwrap(call, signal));
  },

  askForCopy: (id: string): Promise<Wish> =>
    wish(client.POST('/api/v1/events/{id}/playable', { params: { path: { id } } })),

  askForPreview: (id: string): Promise<Wish> =>
    wish(client.POST('/api/v1/events/{id}/preview', { params: { path: { id } } })),

  change: (id: string, changes: EventChanges): Promise<Event> =>
    unwrap(client.PATCH('/api/v1/events/{id}', { params: { path: { id } }, body: changes })),

  remove: (id: string): Promise<void> =>
    done(client.DELETE('/api/v1/events/{id}', { params: { path: { id } } })),

  mark: (id: string, viewed: boolean): Promise<void> =>
    done(client.PUT('/api/v1/events/{id}/viewed', { params: { path: { id } }, body: { viewed } })),

  /** 500 at most. */
  markMany: (ids: string[]): Promise<void> =>
    done(client.POST('/api/v1/events/viewed', { body: { ids } })),

  markUpTo: (id: string): Promise<void> =>
    done(client.POST('/api/v1/events/viewed', { body: { up_to: id } })),

  /** A page of marks, and what the server's clock said. */
  async viewed(query: {
    sinceMs: number;
    limit: number;
    cursor?: string | undefined;
  }): Promise<ViewedList & { nowMs: number }> {
    const { sinceMs, limit, cursor } = query;
    const call = client.GET('/api/v1/viewed', {
      params: {
        query: { since: rfc3339(sinceMs), limit, ...(cursor !== undefined && { cursor }) },
      },
    });
    const list = await unwrap(call);
    const nowMs = Date.parse((await call).response.headers.get('Date') ?? '');
    return { ...list, nowMs: Number.isNaN(nowMs) ? Date.now() : nowMs };
  },

  async groups(signal?: AbortSignal): Promise<Group[]> {
    const list = await unwrap(client.GET('/api/v1/groups', abortable(signal)), signal);
    return list.items;
  },

  async putGroups(items: Group[]): Promise<Group[]> {
    const list = await unwrap(client.PUT('/api/v1/groups', { body: { items } }));
    return list.items;
  },

  async cameras(signal?: AbortSignal): Promise<Camera[]> {
    const list = await unwrap(client.GET('/api/v1/cameras', abortable(signal)), signal);
    return list.items;
  },

  status: (signal?: AbortSignal): Promise<Status> =>
    unwrap(client.GET('/api/v1/status', abortable(signal)), signal),

  liveUrl: (): string => `${apiRoot()}/api/v1/live`,
};
