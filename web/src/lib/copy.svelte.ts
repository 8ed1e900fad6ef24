/**
 * An H.264 copy that one person waits for: where it stands, and asking again until it is there or it is
 * known that it never will be. The live stream is faster than asking; asking needs no stream.
 */
import type { Wish } from './api/client';
import { ApiError } from './api/problem';
import type { Event } from './api/types';

export type CopyState =
  | { step: 'none' | 'asking' | 'making' | 'unneeded' | 'gone' | 'unreachable' }
  | { step: 'queued'; ahead: number }
  /** It can't be made of this event (422), or nothing is made on this server (501). */
  | { step: 'impossible' | 'unable'; why: string }
  /** Too many wishes of this person (429), or of all, or it failed just now (503). */
  | { step: 'later'; why: string; yours: boolean };

const LATER_SECONDS = 10;
/** The browser's timers hold no more. */
const MAX_WAIT_SECONDS = 3600;

export class Copy {
  state = $state.raw<CopyState>({ step: 'none' });
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(
    private readonly post: () => Promise<Wish>,
    /** Told with the event as it is now. */
    private readonly onThere: (event: Event) => void,
  ) {}

  /** Somebody may still come round to it: asked again without being told to. */
  get waits(): boolean {
    return ['asking', 'queued', 'making', 'later', 'unreachable'].includes(this.state.step);
  }

  async ask(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    // What is known is shown until there is news.
    if (!this.waits) this.state = { step: 'asking' };
    try {
      this.#take(await this.post());
    } catch (error) {
      this.#fail(error);
    }
  }

  /** In so many seconds, unless it is stopped. */
  askIn(seconds: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    const ms = Math.min(seconds, MAX_WAIT_SECONDS) * 1000;
    this.#timer = setTimeout(() => void this.ask(), ms);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #take(wish: Wish): void {
    if (this.#stopped) return;
    if ('event' in wish) {
      // The server knows no reason for a copy: it plays elsewhere.
      this.state = { step: wish.event.h264_url == null ? 'unneeded' : 'none' };
      this.onThere(wish.event);
      return;
    }
    const { state, ahead } = wish.making;
    this.state = state === 'running' ? { step: 'making' } : { step: 'queued', ahead };
    this.askIn(wish.againAfterSeconds);
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    const status = error instanceof ApiError ? error.status : null;
    const why = error instanceof Error ? error.message : '';
    if (status === 404) this.state = { step: 'gone' };
    else if (status === 422) this.state = { step: 'impossible', why };
    else if (status === 501) this.state = { step: 'unable', why };
    else if (status === 429 || status === 503) {
      this.state = { step: 'later', why, yours: status === 429 };
      this.askIn((error as ApiError).retryAfterSeconds ?? LATER_SECONDS);
    } else {
      this.state = { step: 'unreachable' };
      this.askIn(LATER_SECONDS);
    }
  }
}
