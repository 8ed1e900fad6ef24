/**
 * Media links expire within the hour. When posters on a long-open page stop loading, the events
 * that are on screen are asked for again in one request, and the page carries on.
 */
import { api } from './api/client';
import type { Event } from './api/types';
import type { Filters } from './filters';

const GATHER_MS = 60;
const LIMIT = 500;
/** One poster is renewed at most this often: a file that is really gone is not asked for forever. */
const AGAIN_AFTER_MS = 5 * 60_000;

export class MediaRenewal {
  #wanted = new Map<string, Event>();
  #asked = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly filters: () => Filters,
    private readonly onRenewed: (event: Event) => void,
  ) {}

  /** `false`: it was renewed just now, so the picture itself is missing. */
  request(event: Event): boolean {
    const now = Date.now();
    if (now - (this.#asked.get(event.id) ?? -Infinity) < AGAIN_AFTER_MS) return false;
    this.#asked.set(event.id, now);
    this.#wanted.set(event.id, event);
    this.#timer ??= setTimeout(() => void this.#fetch(), GATHER_MS);
    return true;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#wanted.clear();
  }

  async #fetch(): Promise<void> {
    this.#timer = undefined;
    const wanted = this.#wanted;
    this.#wanted = new Map();
    const times = [...wanted.values()].map((event) => event.event_ts);
    try {
      const page = await api.events({
        filters: this.filters(),
        limit: LIMIT,
        fromMs: Math.min(...times) - 1,
        toMs: Math.max(...times) + 1,
      });
      for (const event of page.items) if (wanted.has(event.id)) this.onRenewed(event);
    } catch {
      // The placeholders stay; the next error on screen asks again.
      for (const id of wanted.keys()) this.#asked.delete(id);
    }
  }
}
