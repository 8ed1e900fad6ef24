/**
 * Keeps of an endless list what is near the screen: pages that went far are let go of, and asked for again before
 * the reader is back. So a list may be as long as it likes, and what is kept of it is not.
 */
import type { QueryClient } from '@tanstack/svelte-query';
import {
  filled,
  isRoom,
  letGo,
  pageWith,
  type Page,
  type Pages,
  type Param,
  type Place,
  type Slot,
} from './pages';

/** So many pages on either side of the screen are kept, and so many are fetched again. */
const KEPT = 8;
const AHEAD = 3;
/** While the list is flying past, nobody reads it. */
const REST_MS = 100;
const AGAIN_MS = 2_000;
/** Should more have come into a page's stretch than it had: so many answers at most. */
const ANSWERS_MAX = 20;

export interface WindowHost<T> {
  /** Of the list, where the data library keeps it. */
  key: () => readonly unknown[];
  fetch: (param: Param, signal: AbortSignal) => Promise<Page<T>>;
  placeOf: (item: T) => Place;
  /** What is drawn. */
  drawn: () => Slot<{ id: string }>[];
}

export class PageWindow<T extends { id: string }> {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #filling: AbortController | null = null;

  constructor(
    private readonly client: QueryClient,
    private readonly host: WindowHost<T>,
  ) {}

  /** Something else is drawn. */
  look(): void {
    this.#timer ??= setTimeout(() => this.#settle(), REST_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#filling?.abort();
  }

  #settle(): void {
    this.#timer = undefined;
    const key = this.host.key();
    const drawn = this.#drawn(key);
    if (drawn) this.#change(key, (data) => letGo(data, drawn, KEPT, this.host.placeOf));
    if (this.#filling === null) void this.#fill(key);
  }

  async #fill(key: readonly unknown[]): Promise<void> {
    const controller = new AbortController();
    this.#filling = controller;
    let failed = false;
    try {
      for (let index = this.#wanted(key); index !== null; index = this.#wanted(key)) {
        const at = index;
        const page = this.#data(key)?.pages[at];
        const param = this.#param(key, at);
        if (!page?.hollow) break;
        const { oldestTs, newestTs } = page.hollow;
        const items = await this.#stretch(param, oldestTs, newestTs, controller.signal);
        // Another list may stand there by now.
        if (this.#param(key, at) !== param) break;
        this.#change(key, (data) => filled(data, at, items));
      }
    } catch {
      failed = !controller.signal.aborted;
    } finally {
      if (this.#filling === controller) this.#filling = null;
    }
    if (failed) this.#timer ??= setTimeout(() => this.#settle(), AGAIN_MS);
  }

  /** All that is in the page's stretch of time now: later arrivals made it longer, perhaps. */
  async #stretch(
    param: Param,
    oldestTs: number,
    newestTs: number,
    signal: AbortSignal,
  ): Promise<T[]> {
    const upwards = param !== null && 'newer' in param;
    const items: T[] = [];
    let next: Param = param;
    for (let answers = 0; answers < ANSWERS_MAX; answers += 1) {
      const page = await this.host.fetch(next, signal);
      if (upwards) items.unshift(...page.items);
      else items.push(...page.items);
      const edge = upwards ? page.items[0] : page.items.at(-1);
      const cursor = upwards ? page.newer : page.next_cursor;
      if (edge === undefined || cursor == null) break;
      const { ts } = this.host.placeOf(edge);
      if (upwards ? ts >= newestTs : ts <= oldestTs) break;
      next = upwards ? { newer: cursor } : { older: cursor };
    }
    return items;
  }

  /** The page to be filled first: what is on the screen, then what is near it. */
  #wanted(key: readonly unknown[]): number | null {
    const pages = this.#data(key)?.pages ?? [];
    const { from, to } = this.#drawn(key) ?? { from: 0, to: -1 };
    const distance = (index: number) => Math.max(from - index, index - to, 0);
    let best: number | null = null;
    for (let index = Math.max(0, from - AHEAD); index <= to + AHEAD; index += 1) {
      if (!pages[index]?.hollow) continue;
      if (best === null || distance(index) < distance(best)) best = index;
    }
    return best;
  }

  /** On which pages it is. */
  #drawn(key: readonly unknown[]): { from: number; to: number } | null {
    const data = this.#data(key);
    const slots = this.host.drawn();
    const ends = [slots[0], slots.at(-1)].flatMap((slot) => {
      if (!data || slot === undefined) return [];
      return (isRoom(slot) ? slot.page : pageWith(data, slot.id)) ?? [];
    });
    return ends.length > 0 ? { from: Math.min(...ends), to: Math.max(...ends) } : null;
  }

  #param(key: readonly unknown[], index: number): Param {
    return (this.#data(key)?.pageParams[index] ?? null) as Param;
  }

  #data(key: readonly unknown[]): Pages<T> | undefined {
    return this.client.getQueryData<Pages<T>>(key);
  }

  #change(key: readonly unknown[], change: (data: Pages<T>) => Pages<T>): void {
    this.client.setQueryData<Pages<T>>(key, (data) => (data ? change(data) : data));
  }
}
