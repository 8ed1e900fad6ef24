/**
 * Media links expire within the hour. When posters on a long-open page stop loading, what is on screen is
 * asked for again in one request, and the page carries on.
 */
const GATHER_MS = 60;
/** One poster is renewed at most this often: a file that is really gone is not asked for forever. */
const AGAIN_AFTER_MS = 5 * 60_000;

export interface Renewable {
  id: string;
}

export interface RenewalHost<T extends Renewable> {
  /** From when to when something lasts, in milliseconds. */
  span: (item: T) => { fromMs: number; toMs: number };
  /** All that lies between, with fresh links. */
  fetch: (bounds: { fromMs: number; toMs: number }) => Promise<T[]>;
  onRenewed: (item: T) => void;
}

export class MediaRenewal<T extends Renewable> {
  #wanted = new Map<string, T>();
  #asked = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly host: RenewalHost<T>) {}

  /** `false`: it was renewed just now, so the picture itself is missing. */
  request(item: T): boolean {
    const now = Date.now();
    if (now - (this.#asked.get(item.id) ?? -Infinity) < AGAIN_AFTER_MS) return false;
    this.#asked.set(item.id, now);
    this.#wanted.set(item.id, item);
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
    const spans = [...wanted.values()].map((item) => this.host.span(item));
    try {
      const items = await this.host.fetch({
        fromMs: Math.min(...spans.map(({ fromMs }) => fromMs)),
        toMs: Math.max(...spans.map(({ toMs }) => toMs)),
      });
      for (const item of items) if (wanted.has(item.id)) this.host.onRenewed(item);
    } catch {
      // The placeholders stay; the next error on screen asks again.
      for (const id of wanted.keys()) this.#asked.delete(id);
    }
  }
}
