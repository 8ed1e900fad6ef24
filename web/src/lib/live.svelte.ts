/**
 * The live connection. EventSource resumes after a drop by itself (`Last-Event-ID`); this adds
 * what it lacks: opening again after an HTTP error, noticing an ended session, and saying `ready`
 * after each gap so that lists can catch up on what no stream may remember.
 *
 * A server that can't stream says `poll_ms` in `ready` and ends each answer at once; EventSource asks
 * again after that time. Such an end is no gap, unless the next answer stays out.
 */
import type { Camera, Event } from './api/types';

export type LiveMessage =
  | { type: 'ready' }
  /** Too much has changed since this page was told last: what it knows may be wrong anywhere. */
  | { type: 'reset' }
  | { type: 'new' | 'changed'; id: string; event: Event }
  | { type: 'removed'; id: string }
  | { type: 'camera'; camera: Camera };

export type LiveState = 'off' | 'connecting' | 'live' | 'reconnecting' | 'offline';

const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 30_000;
/** So many polls may stay out before it is told. */
const POLLS_MISSED = 3;

export class LiveConnection {
  state = $state<LiveState>('off');
  #source: EventSource | null = null;
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nobody draws it
  #listeners = new Set<(message: LiveMessage) => void>();
  #attempts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** How often the server is asked, where it can't stream. */
  #pollMs: number | null = null;
  #overdue: ReturnType<typeof setTimeout> | undefined;
  /** Of the last message. The browser sends it when it comes again by itself; where we open anew, we do. */
  #lastId = '';

  /** `sessionIsOver` asks the server; it is called when a connection is refused. */
  constructor(
    private readonly url: () => string,
    private readonly sessionIsOver: () => Promise<boolean>,
  ) {}

  start(): void {
    if (this.state !== 'off') return;
    this.state = 'connecting';
    addEventListener('online', this.#retryNow);
    addEventListener('offline', this.#onOffline);
    document.addEventListener('visibilitychange', this.#onVisible);
    this.#open();
  }

  stop(): void {
    this.state = 'off';
    removeEventListener('online', this.#retryNow);
    removeEventListener('offline', this.#onOffline);
    document.removeEventListener('visibilitychange', this.#onVisible);
    clearTimeout(this.#timer);
    this.#close();
    this.#lastId = '';
  }

  subscribe(listener: (message: LiveMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #open(): void {
    this.#close();
    clearTimeout(this.#timer);
    const source = new EventSource(goingOn(this.url(), this.#lastId));
    this.#source = source;
    const noted = ({ lastEventId }: MessageEvent<string>) => {
      if (lastEventId !== '') this.#lastId = lastEventId;
    };
    source.addEventListener('ready', (message: MessageEvent<string>) => {
      noted(message);
      this.#attempts = 0;
      this.state = 'live';
      this.#pollMs = pollMs(message.data);
      this.#tell({ type: 'ready' });
    });
    source.onopen = () => {
      if (this.#pollMs === null) return; // `ready` will tell
      this.#arrived();
      this.state = 'live';
    };
    source.addEventListener('reset', (message: MessageEvent<string>) => {
      noted(message);
      this.#tell({ type: 'reset' });
    });
    for (const type of ['new', 'changed', 'removed', 'camera'] as const) {
      source.addEventListener(type, (message: MessageEvent<string>) => {
        noted(message);
        const parsed = parseLive(type, message.data);
        if (parsed) this.#tell(parsed);
      });
    }
    source.onerror = () => {
      if (source !== this.#source) return;
      const pollMs = source.readyState === EventSource.CONNECTING ? this.#pollMs : null;
      if (pollMs !== null && navigator.onLine) {
        this.#expectNext(pollMs * POLLS_MISSED);
        return;
      }
      this.state = navigator.onLine ? 'reconnecting' : 'offline';
      // Otherwise the browser is already at it.
      if (source.readyState === EventSource.CLOSED) void this.#onRefused();
    };
  }

  async #onRefused(): Promise<void> {
    this.#close();
    if (await this.sessionIsOver()) return; // whoever ends the session stops us
    if (this.state === 'off') return;
    const delay = Math.min(FIRST_DELAY_MS * 2 ** this.#attempts, MAX_DELAY_MS);
    this.#attempts += 1;
    // Spread out, or every open page comes back in the same instant after a restart.
    this.#timer = setTimeout(() => this.#open(), delay * (0.5 + Math.random() / 2));
  }

  /** From the last answer on: a poll that fails doesn't begin the wait anew. */
  #expectNext(withinMs: number): void {
    this.#overdue ??= setTimeout(() => {
      this.state = 'reconnecting';
    }, withinMs);
  }

  #arrived(): void {
    clearTimeout(this.#overdue);
    this.#overdue = undefined;
  }

  #close(): void {
    this.#arrived();
    this.#pollMs = null;
    this.#source?.close();
    this.#source = null;
  }

  #tell(message: LiveMessage): void {
    for (const listener of this.#listeners) listener(message);
  }

  #retryNow = (): void => {
    this.#attempts = 0;
    this.state = 'reconnecting';
    this.#open();
  };

  #onOffline = (): void => {
    this.state = 'offline';
  };

  /** A page that slept may hold a dead connection or a long wait. */
  #onVisible = (): void => {
    if (document.visibilityState === 'visible' && this.state === 'reconnecting') this.#retryNow();
  };
}

/** The stream's address, from the message on that was heard last. */
export const goingOn = (url: string, lastId: string): string =>
  lastId === '' ? url : `${url}?last_event_id=${encodeURIComponent(lastId)}`;

/** From the data of `ready`; `null`: the server streams. */
export function pollMs(data: string): number | null {
  try {
    const value = (JSON.parse(data) as { poll_ms?: unknown } | null)?.poll_ms;
    return typeof value === 'number' && value > 0 ? value : null;
  } catch {
    return null;
  }
}

/** `null`: not something that this version understands. */
export function parseLive(
  type: 'new' | 'changed' | 'removed' | 'camera',
  data: string,
): LiveMessage | null {
  let body: unknown;
  try {
    body = JSON.parse(data);
  } catch {
    return null;
  }
  if (typeof body !== 'object' || body === null) return null;
  if (type === 'camera') return { type, camera: body as Camera };
  const { id, event } = body as { id?: unknown; event?: Event | null };
  if (typeof id !== 'string') return null;
  if (type === 'removed') return { type, id };
  return event ? { type, id, event } : null;
}
