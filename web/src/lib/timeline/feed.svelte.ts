/**
 * Keeps the loaded timeline true while it is on screen: takes live messages in, catches up after
 * gaps, and holds news back while the reader is further down, so that nothing moves under them.
 */
import type { QueryClient } from '@tanstack/svelte-query';
import { SvelteSet } from 'svelte/reactivity';
import { api } from '../api/client';
import { BRIEF_PAGE, EVENTS_PAGE, isFresh, keys, noteLoaded } from '../api/queries';
import type { Event, EventPage } from '../api/types';
import { filtersKey } from '../filters';
import { seen } from '../review/seen';
import type { LiveMessage } from '../live.svelte';
import type { FeedHost, ListFeed } from './list';
import { contains, mergeHead, newIn, remove, upsert, type Pages } from './merge';

const FRESH_MS = 2_500;

export class Feed implements ListFeed {
  /** Just arrived: drawn with a short entrance. */
  readonly fresh = new SvelteSet<string>();
  #held = $state.raw<Event[]>([]);
  /** A fetched head that couldn't be shown yet. */
  #heldHead = $state.raw<EventPage | null>(null);
  #syncing: AbortController | null = null;

  constructor(
    private readonly queryClient: QueryClient,
    private readonly host: FeedHost,
  ) {}

  /** News that waits; `atLeast` when even the fetched head may not be all of it. */
  get waiting(): { count: number; atLeast: boolean } {
    const data = this.#data();
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- local to this call
    const ids = new Set(this.#held.map((event) => event.id));
    if (!data || !this.#heldHead) return { count: ids.size, atLeast: false };
    const news = newIn(data, this.#heldHead);
    for (const event of news) ids.add(event.id);
    return { count: ids.size, atLeast: news.length === this.#heldHead.items.length };
  }

  receive(message: LiveMessage): void {
    switch (message.type) {
      case 'ready':
        void this.sync();
        break;
      case 'new':
        // Nobody can have seen it; the message itself doesn't say.
        this.#arrived(seen(message.event, message.event.viewed ?? false));
        break;
      case 'changed':
        this.#held = this.#held.map((event) => (event.id === message.id ? message.event : event));
        this.#change((data) =>
          contains(data, message.id) ? upsert(data, message.event, this.host.fits) : data,
        );
        break;
      case 'removed':
        this.#held = this.#held.filter((event) => event.id !== message.id);
        this.#change((data) => remove(data, message.id));
        break;
      case 'reset':
        this.forget();
        break;
      case 'camera':
        break;
    }
  }

  /** Puts a fresher copy of a loaded event in place of the old one. */
  renew(event: Event): void {
    this.#change((data) => (contains(data, event.id) ? upsert(data, event, this.host.fits) : data));
  }

  /** Fetches the newest page and brings the list up to it. */
  async sync(): Promise<void> {
    // The first page is still under way and will be fresh; or the list doesn't begin at the newest.
    if (!this.#data() || this.host.atMs() !== null) return;
    const filters = this.host.filters();
    this.#syncing?.abort();
    const controller = new AbortController();
    this.#syncing = controller;
    try {
      const limit = isFresh(this.#key()) ? BRIEF_PAGE : EVENTS_PAGE;
      const head = await api.events({ filters, limit }, controller.signal);
      if (filtersKey(filters) !== filtersKey(this.host.filters())) return;
      noteLoaded(this.#key());
      const data = this.#data();
      if (!data) return;
      const news = newIn(data, head);
      if (this.host.atTop() || news.length === 0) this.#takeHead(head, news);
      else this.#heldHead = head;
    } catch {
      // No answer or superseded: the next `ready` comes here again.
    } finally {
      if (this.#syncing === controller) this.#syncing = null;
    }
  }

  /** Shows what waited. */
  release(): void {
    const head = this.#heldHead;
    const held = this.#held;
    this.forget();
    const data = this.#data();
    if (!data) return;
    if (head) this.#takeHead(head, newIn(data, head));
    for (const event of held) this.#show(event);
  }

  /** For other filters: what waited belonged to the old ones. */
  forget(): void {
    this.#held = [];
    this.#heldHead = null;
  }

  stop(): void {
    this.#syncing?.abort();
  }

  #arrived(event: Event): void {
    if (!this.host.fits(event)) return;
    const data = this.#data();
    if (data && contains(data, event.id)) {
      this.renew(event); // told twice
      return;
    }
    // Beyond what is loaded: the page that reaches there brings it.
    if (data && upsert(data, event, this.host.fits) === data) return;
    if (data && this.host.atTop()) this.#show(event);
    else this.#held = [event, ...this.#held.filter(({ id }) => id !== event.id)];
  }

  #show(event: Event): void {
    const data = this.#data();
    if (!data) return;
    const isNew = !contains(data, event.id);
    this.#change((pages) => upsert(pages, event, this.host.fits));
    if (isNew) {
      this.#markFresh(event.id);
      this.host.onShown(event);
    }
  }

  #takeHead(head: EventPage, news: Event[]): void {
    this.#change((data) => mergeHead(data, head, this.host.fits));
    for (const event of news) this.#markFresh(event.id);
  }

  #markFresh(id: string): void {
    this.fresh.add(id);
    setTimeout(() => this.fresh.delete(id), FRESH_MS);
  }

  #key() {
    return keys.timeline(this.host.filters(), this.host.atMs());
  }

  #data(): Pages | undefined {
    return this.queryClient.getQueryData<Pages>(this.#key());
  }

  #change(change: (data: Pages) => Pages): void {
    this.queryClient.setQueryData<Pages>(this.#key(), (data) => (data ? change(data) : data));
  }
}
