/**
 * Shown at once, sent in turn, taken back if refused. For values that people change faster than a
 * server answers: calls for one id never overtake each other, and a refusal restores what the server
 * last said, not what was shown meanwhile. Pure: showing and sending are the caller's.
 */
interface Line<T> {
  /** What the server has, as far as it told. */
  confirmed: T;
  /** Counts changes: only the newest one may be taken back on the screen. */
  newest: number;
  tail: Promise<unknown>;
  waiting: number;
}

export class Optimistic<T> {
  #lines = new Map<string, Line<T>>();

  constructor(private readonly show: (id: string, value: T) => void) {}

  /** Resolves once sent; rejects with the refusal, after the screen is true again. */
  async set(id: string, before: T, value: T, send: () => Promise<void>): Promise<void> {
    const line = this.#lines.get(id) ?? {
      confirmed: before,
      newest: 0,
      tail: Promise.resolve(),
      waiting: 0,
    };
    this.#lines.set(id, line);
    line.newest += 1;
    line.waiting += 1;
    const mine = line.newest;
    this.show(id, value);
    const sent = line.tail.then(send);
    line.tail = sent.catch(() => undefined);
    try {
      await sent;
      line.confirmed = value;
    } catch (error) {
      if (mine === line.newest) this.show(id, line.confirmed);
      throw error;
    } finally {
      line.waiting -= 1;
      if (line.waiting === 0) this.#lines.delete(id);
    }
  }

  /** A change is under way: what comes from elsewhere about this id may be older. */
  isPending(id: string): boolean {
    return this.#lines.has(id);
  }
}
