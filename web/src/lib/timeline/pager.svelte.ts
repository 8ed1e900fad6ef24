/**
 * Adds pages to either end of an endless list. Not by the data library's own means: that puts back what the list
 * was when it began to ask, and whatever came live, went or was marked meanwhile would be undone.
 */
import type { QueryClient } from '@tanstack/svelte-query';
import { isWorthRetrying } from '../api/problem';
import { added, nextParam, type End, type Page, type Pages, type Param } from './pages';

export interface PagerHost<T> {
  /** Of the list, where the data library keeps it. */
  key: () => readonly unknown[];
  fetch: (param: Param, signal: AbortSignal) => Promise<Page<T>>;
}

const NONE_FAILED = { older: null, newer: null };
const TRIES = 3;
const WAIT_MS = 500;

export class Pager<T> {
  /** Where a page is being asked for. */
  going = $state.raw<End | null>(null);
  /** Why the last one at each end could not be had. */
  failed = $state.raw<Record<End, unknown>>(NONE_FAILED);
  #asking: AbortController | null = null;

  constructor(
    private readonly client: QueryClient,
    private readonly host: PagerHost<T>,
  ) {}

  /** Asks for the next page at that end, if there is one and none is under way. */
  async go(end: End): Promise<void> {
    const key = this.host.key();
    const param = nextParam(this.client.getQueryData<Pages<T>>(key), end);
    if (this.going !== null || param === null) return;
    const asking = new AbortController();
    this.#asking = asking;
    this.going = end;
    this.failed = { ...this.failed, [end]: null };
    try {
      const page = await this.#fetch(param, asking.signal);
      this.client.setQueryData<Pages<T>>(key, (data) =>
        data ? added(data, page, param, end) : data,
      );
    } catch (error) {
      if (!asking.signal.aborted) this.failed = { ...this.failed, [end]: error };
    } finally {
      if (this.#asking === asking) {
        this.#asking = null;
        this.going = null;
      }
    }
  }

  /** What failed is asked for once more: the server is there again. */
  async again(): Promise<void> {
    for (const end of ['older', 'newer'] as const) {
      if (this.failed[end] !== null) await this.go(end);
    }
  }

  /** Another list stands there now, or none. */
  stop(): void {
    this.#asking?.abort();
    this.#asking = null;
    this.going = null;
    this.failed = NONE_FAILED;
  }

  async #fetch(param: Param, signal: AbortSignal): Promise<Page<T>> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.host.fetch(param, signal);
      } catch (error) {
        if (signal.aborted || tries === TRIES || !isWorthRetrying(error)) throw error;
        await new Promise((done) => setTimeout(done, WAIT_MS * 2 ** tries));
      }
    }
  }
}
