/** The calls of the settings and of sharing: fetched with those pages, not with the first one. */
import { apiRoot } from '../base';
import { client, done, unwrap } from './client';
import type {
  AuditPage,
  DeliveryPage,
  MadeShare,
  MadeToken,
  NewShare,
  NewToken,
  NewUser,
  NotificationSettings,
  Session,
  Share,
  TestOutcome,
  Token,
  User,
  UserChanges,
} from './types';

const PAGE = 100;

const to = (signal: AbortSignal | undefined) => (signal ? { signal } : {});

export const settingsApi = {
  async shares(signal?: AbortSignal): Promise<Share[]> {
    return (await unwrap(client.GET('/api/v1/shares', to(signal)), signal)).items;
  },
  share: (body: NewShare): Promise<MadeShare> => unwrap(client.POST('/api/v1/shares', { body })),
  revokeShare: (id: string): Promise<void> =>
    done(client.DELETE('/api/v1/shares/{id}', { params: { path: { id } } })),

  async users(signal?: AbortSignal): Promise<User[]> {
    return (await unwrap(client.GET('/api/v1/users', to(signal)), signal)).items;
  },
  addUser: (body: NewUser): Promise<User> => unwrap(client.POST('/api/v1/users', { body })),
  changeUser: (name: string, body: UserChanges): Promise<User> =>
    unwrap(client.PATCH('/api/v1/users/{name}', { params: { path: { name } }, body })),

  changePassword: (current: string, next: string): Promise<Session> =>
    unwrap(client.PUT('/api/v1/session/password', { body: { current, new: next } })),

  async tokens(signal?: AbortSignal): Promise<Token[]> {
    return (await unwrap(client.GET('/api/v1/tokens', to(signal)), signal)).items;
  },
  makeToken: (body: NewToken): Promise<MadeToken> =>
    unwrap(client.POST('/api/v1/tokens', { body })),
  revokeToken: (id: string): Promise<void> =>
    done(client.DELETE('/api/v1/tokens/{id}', { params: { path: { id } } })),

  audit: (cursor: string | undefined, signal?: AbortSignal): Promise<AuditPage> =>
    unwrap(
      client.GET('/api/v1/audit', {
        params: { query: { limit: PAGE, ...(cursor !== undefined && { cursor }) } },
        ...to(signal),
      }),
      signal,
    ),

  notifications: (signal?: AbortSignal): Promise<NotificationSettings> =>
    unwrap(client.GET('/api/v1/notifications', to(signal)), signal),
  deliveries: (before: number | undefined, signal?: AbortSignal): Promise<DeliveryPage> =>
    unwrap(
      client.GET('/api/v1/notifications/deliveries', {
        params: { query: { limit: PAGE, ...(before !== undefined && { before }) } },
        ...to(signal),
      }),
      signal,
    ),
  testChannel: (channel: string): Promise<TestOutcome> =>
    unwrap(client.POST('/api/v1/notifications/test', { body: { channel } })),

  async pushKey(signal?: AbortSignal): Promise<string> {
    return (await unwrap(client.GET('/api/v1/push/key', to(signal)), signal)).key;
  },
  async subscribe(endpoint: string, p256dh: string, auth: string): Promise<void> {
    const body = { endpoint, keys: { p256dh, auth } };
    await unwrap(client.POST('/api/v1/push/subscriptions', { body }));
  },
  unsubscribe: (endpoint: string): Promise<void> =>
    done(client.DELETE('/api/v1/push/subscriptions', { body: { endpoint } })),
};

/** Keys begin with a word of their own: the rooms forget together. */
export const settingsQueries = {
  shares: () => ({
    queryKey: ['settings', 'shares'] as const,
    queryFn: ({ signal }: { signal: AbortSignal }) => settingsApi.shares(signal),
    staleTime: 5_000,
  }),
  users: () => ({
    queryKey: ['settings', 'users'] as const,
    queryFn: ({ signal }: { signal: AbortSignal }) => settingsApi.users(signal),
    staleTime: 5_000,
  }),
  tokens: () => ({
    queryKey: ['settings', 'tokens'] as const,
    queryFn: ({ signal }: { signal: AbortSignal }) => settingsApi.tokens(signal),
    staleTime: 5_000,
  }),
  notifications: () => ({
    queryKey: ['settings', 'notifications'] as const,
    queryFn: ({ signal }: { signal: AbortSignal }) => settingsApi.notifications(signal),
  }),
  pushKey: () => ({
    queryKey: ['settings', 'push-key'] as const,
    queryFn: ({ signal }: { signal: AbortSignal }) => settingsApi.pushKey(signal),
  }),
  deliveries: () => ({
    queryKey: ['settings', 'deliveries'] as const,
    queryFn: ({ pageParam, signal }: { pageParam: number | undefined; signal: AbortSignal }) =>
      settingsApi.deliveries(pageParam, signal),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (last: DeliveryPage) => last.next_before ?? undefined,
    staleTime: 5_000,
  }),
  audit: () => ({
    queryKey: ['settings', 'audit'] as const,
    queryFn: ({ pageParam, signal }: { pageParam: string | undefined; signal: AbortSignal }) =>
      settingsApi.audit(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: AuditPage) => last.next_cursor ?? undefined,
    staleTime: 5_000,
  }),
};

/** What opens a share: the server tells a path where it doesn't know its own address. */
export const shareUrl = (url: string): string => new URL(url, apiRoot()).href;
