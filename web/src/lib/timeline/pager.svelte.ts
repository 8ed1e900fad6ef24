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

const TRIES = 3;
const WAIT_MS = 500;

export class Pager<T> {
  /** Where a page is being asked for. */
  going = $state.raw<End | null>(null);
  /** Where the last one could not be had. */
  failed = $state.raw<End | null>(null);
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
    this.failed = null;
    try {
      const page = await this.#fetch(param, asking.signal);
      this.client.setQueryData<Pages<T>>(key, (data) =>
        data ? added(data, page, param, end) : data,
      );
    } catch {
      if (!asking.signal.aborted) this.failed = end;
    } finally {
      if (this.#asking === asking) {
        this.#asking = null;
        this.going = null;
      }
    }
  }

  /** What failed is asked for once more: the server is there again. */
  again(): void {
    if (this.failed !== null) void this.go(this.failed);
  }

  /** Another list stands there now, or none. */
  stop(): void {
    this.#asking?.abort();
    this.#asking = null;
    this.going = null;
    this.failed = null;
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
