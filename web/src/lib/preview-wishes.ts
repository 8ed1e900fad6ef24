/**
 * Previews that are asked for because somebody looks at a card. Bounded: a few at once, however many cards
 * the pointer passes, and nothing that was refused is asked for again.
 */
import type { Wish } from './api/client';
import { ApiError } from './api/problem';
import type { Event } from './api/types';

/** What to do next: show it, ask again in a while if it is still looked at, or let it be. */
export type Answer = { event: Event } | { againAfterMs: number } | 'never';

const AT_ONCE = 3;
/** All places are taken. */
const BUSY_MS = 1_000;
/** A wish of which nothing was heard for so long no longer takes a place. */
const FORGET_MS = 30_000;
const LATER_SECONDS = 30;
/** A server without ffmpeg may have been given one. */
const UNABLE_MS = 10 * 60_000;
const REFUSED_KEPT = 2_000;

export class PreviewWishes {
  /** Ids, and when each was last heard of. */
  readonly #underWay = new Map<string, number>();
  readonly #refused = new Set<string>();
  #notBefore = 0;
  #unableUntil = 0;

  constructor(
    private readonly post: (id: string) => Promise<Wish>,
    private readonly now: () => number = Date.now,
  ) {}

  async ask(id: string): Promise<Answer> {
    const now = this.now();
    if (this.#refused.has(id) || now < this.#unableUntil) return 'never';
    if (now < this.#notBefore) return { againAfterMs: this.#notBefore - now };
    for (const [other, at] of this.#underWay) {
      if (now - at > FORGET_MS) this.#underWay.delete(other);
    }
    if (!this.#underWay.has(id) && this.#underWay.size >= AT_ONCE) return { againAfterMs: BUSY_MS };
    this.#underWay.set(id, now);
    try {
      const wish = await this.post(id);
      if ('making' in wish) return { againAfterMs: wish.againAfterSeconds * 1000 };
      this.done(id);
      if (wish.event.preview != null) return { event: wish.event };
      this.#refuse(id);
      return 'never';
    } catch (error) {
      this.done(id);
      return this.#failed(id, error);
    }
  }

  /** It came by another way, or nobody waits for it any more. */
  done(id: string): void {
    this.#underWay.delete(id);
  }

  #failed(id: string, error: unknown): Answer {
    const status = error instanceof ApiError ? error.status : null;
    if (status === 501) {
      this.#unableUntil = this.now() + UNABLE_MS;
      return 'never';
    }
    if (status !== null && status < 500 && status !== 429) {
      this.#refuse(id);
      return 'never';
    }
    // Not of this card alone: the queue is full, or the server is away.
    const seconds = (error instanceof ApiError && error.retryAfterSeconds) || LATER_SECONDS;
    this.#notBefore = this.now() + seconds * 1000;
    return { againAfterMs: seconds * 1000 };
  }

  #refuse(id: string): void {
    if (this.#refused.size >= REFUSED_KEPT) {
      this.#refused.delete(this.#refused.values().next().value ?? '');
    }
    this.#refused.add(id);
  }
}
