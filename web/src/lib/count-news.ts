/** When the counts of an open page are asked for again: what comes and goes is gathered, for days are counted, not seconds. */
import type { LiveMessage } from './live.svelte';

const GATHER_MS = 10_000;

export class CountNews {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wasReady = false;

  constructor(private readonly ask: () => void) {}

  take(type: LiveMessage['type']): void {
    // The first "ready" comes with the page, whose counts are as new as it is.
    const back = type === 'ready' && this.#wasReady;
    this.#wasReady ||= type === 'ready';
    if (type !== 'new' && type !== 'removed' && !back) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.ask();
    }, GATHER_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wasReady = false;
  }
}
