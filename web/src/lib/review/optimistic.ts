import { standing, type Changes, type Field } from './standing';

/**
 * Shown at once, sent in turn, taken back if refused. For values that people change faster than a
 * server answers: calls for one id never overtake each other, and a refusal restores what the server
 * last said, not what was shown meanwhile. Showing and sending are the caller's.
 */
interface Line<T> {
  /** What the server has, as far as it told. */
  confirmed: T;
  /** Counts changes: only the newest one may be taken back on the screen. */
  newest: number;
  tail: Promise<unknown>;
  waiting: number;
}

export class Optimistic<F extends Field> {
  #lines = new Map<string, Line<Changes[F]>>();

  constructor(
    private readonly field: F,
    private readonly show: (id: string, value: Changes[F]) => void,
  ) {}

  /** Resolves once sent; rejects with the refusal, after the screen is true again. */
  async set(
    id: string,
    before: Changes[F],
    value: Changes[F],
    send: () => Promise<void>,
  ): Promise<void> {
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
    standing.begin(this.field, id, value);
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
      if (line.waiting === 0) {
        this.#lines.delete(id);
        standing.settle(this.field, id, line.confirmed, performance.now());
      }
    }
  }

  /** A change is under way: what comes from elsewhere about this id may be older. */
  isPending(id: string): boolean {
    return this.#lines.has(id);
  }
}
