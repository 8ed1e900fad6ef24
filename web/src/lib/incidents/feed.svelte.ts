/**
 * Keeps the list of incidents true while it is on screen. A message tells of one capture; which happening it
 * belongs to only the server knows, so that one is asked for: the newest page for what is new there, else the
 * incident alone. Bursts are asked for once.
 */
import type { QueryClient } from '@tanstack/svelte-query';
import { SvelteSet } from 'svelte/reactivity';
import { api } from '../api/client';
import { BRIEF_PAGE, INCIDENTS_PAGE, isFresh, keys, noteLoaded } from '../api/queries';
import type { Event, Incident } from '../api/types';
import { filtersKey } from '../filters';
import type { LiveMessage } from '../live.svelte';
import type { FeedHost, ListFeed } from '../timeline/list';
import {
  flattenIncidents,
  mapIncidents,
  told,
  upsertIncident,
  withHead,
  withLinks,
  type IncidentPages,
} from './merge';

const FRESH_MS = 2_500;
const GATHER_MS = 250;
/** More late ones at once than this are asked for as a whole. */
const LATE_MAX = 8;

export class IncidentFeed implements ListFeed {
  readonly fresh = new SvelteSet<string>();
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nothing is drawn of it
  #arrived = new Map<string, Event>();
  /** What waits above while the reader is further down. */
  #waiting = new SvelteSet<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(
    private readonly client: QueryClient,
    private readonly host: FeedHost,
  ) {}

  get waiting(): { count: number; atLeast: boolean } {
    return { count: this.#waiting.size, atLeast: false };
  }

  receive(message: LiveMessage): void {
    if (message.type === 'ready') void this.sync();
    else if (message.type === 'reset') this.forget();
    else if (message.type === 'new') {
      if (!this.host.fits(message.event)) return;
      this.#arrived.set(message.event.id, message.event);
      this.#timer ??= setTimeout(() => void this.#take(), GATHER_MS);
    } else if (message.type === 'removed') this.#waiting.delete(message.id);
  }

  /** Brings the top of the list up to date, or lets it wait. */
  async sync(): Promise<void> {
    const data = this.#data();
    if (!data || this.host.atMs() !== null) return;
    const filters = this.host.filters();
    try {
      const limit = isFresh(this.#key()) ? BRIEF_PAGE : INCIDENTS_PAGE;
      const head = await api.incidents({ filters, limit });
      if (this.#stopped || filtersKey(filters) !== filtersKey(this.host.filters())) return;
      noteLoaded(this.#key());
      // eslint-disable-next-line svelte/prefer-svelte-reactivity -- local to this call
      const known = new Set(
        flattenIncidents(this.#data()).flatMap(({ events }) => events.map(({ id }) => id)),
      );
      const news = head.items
        .flatMap(({ events, more }) => (more > 0 ? events.slice(0, 1) : events))
        .filter(({ id }) => !known.has(id));
      if (news.length > 0 && known.size > 0 && !this.host.atTop()) {
        for (const { id } of news) this.#waiting.add(id);
        return;
      }
      this.#waiting.clear();
      this.client.setQueryData<IncidentPages>(this.#key(), (now) =>
        now ? withHead(now, head) : now,
      );
      if (known.size > 0) for (const event of news) this.#show(event, head.items);
    } catch {
      // No answer: the next message or `ready` comes here again.
    }
  }

  /** Takes fresh links; what was told of it stays. */
  renew(incident: Incident): void {
    this.client.setQueryData<IncidentPages>(this.#key(), (now) =>
      now ? mapIncidents(now, (other) => withLinks(other, incident)) : now,
    );
  }

  /** Shows what waited. */
  release(): void {
    if (this.#waiting.size > 0) void this.sync();
  }

  forget(): void {
    this.#waiting.clear();
    this.#arrived.clear();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #take(): Promise<void> {
    this.#timer = undefined;
    const events = [...this.#arrived.values()];
    this.#arrived.clear();
    const list = flattenIncidents(this.#data());
    const newest = list[0]?.started_ts ?? -Infinity;
    const late =
      this.host.atMs() === null ? events.filter(({ event_ts }) => event_ts < newest) : [];
    if (this.host.atMs() !== null) for (const { id } of events) this.#waiting.add(id);
    else if (late.length < events.length || late.length > LATE_MAX) await this.sync();
    if (late.length <= LATE_MAX) for (const event of late) await this.#insert(event);
  }

  /** A clip that was taken before what is at the top: its happening changes where it stands. */
  async #insert(event: Event): Promise<void> {
    const filters = this.host.filters();
    try {
      const around = { fromMs: event.event_ts, toMs: event.event_ts + 1 };
      const found = await api.incidents({ filters, limit: 1, ...around });
      const id = found.items[0]?.id;
      if (id === undefined) return;
      const whole = await api.incident(id);
      const incident = told(whole, this.host.fits);
      if (this.#stopped || !incident || filtersKey(filters) !== filtersKey(this.host.filters()))
        return;
      this.client.setQueryData<IncidentPages>(this.#key(), (now) =>
        now ? upsertIncident(now, incident) : now,
      );
      this.#show(event, [incident]);
    } catch {
      // It is there on the next load; the list isn't wrong without it, only late.
    }
  }

  #show(event: Event, among: { id: string; events: Event[] }[]): void {
    const incident = among.find(({ events }) => events.some(({ id }) => id === event.id));
    if (incident && !this.fresh.has(incident.id)) {
      this.fresh.add(incident.id);
      setTimeout(() => this.fresh.delete(incident.id), FRESH_MS);
    }
    this.host.onShown(event);
  }

  #key() {
    return keys.incidents(this.host.filters(), this.host.atMs());
  }

  #data(): IncidentPages | undefined {
    return this.client.getQueryData<IncidentPages>(this.#key());
  }
}
