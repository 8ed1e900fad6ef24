/**
 * What the person has just changed stands over answers that were asked for before the server had it: such an answer
 * tells of the event as it was, and would undo the change on the screen.
 */
import type { Event } from '../api/types';

export interface Changes {
  viewed: boolean;
  protected: boolean;
  note: string | null;
}
export type Field = keyof Changes;

/** An answer takes no longer than this (`CALL_TIMEOUT_MS`, and tries anew): older changes are in every one. */
const KEPT_MS = 60_000;

interface Entry {
  value: unknown;
  /** When the server had it, by `performance.now()`; infinite: it is on its way. */
  hadMs: number;
}

export class Standing {
  #fields: Record<Field, Map<string, Entry>> = {
    viewed: new Map(),
    protected: new Map(),
    note: new Map(),
  };

  /** It is on its way to the server. */
  begin<F extends Field>(field: F, id: string, value: Changes[F]): void {
    this.#prune(field);
    this.#fields[field].set(id, { value, hadMs: Infinity });
  }

  /** The server has it, or has refused it: then `value` is what it had before. */
  settle<F extends Field>(field: F, id: string, value: Changes[F], nowMs: number): void {
    this.#fields[field].set(id, { value, hadMs: nowMs });
  }

  /** An event of an answer that was asked for at `askedMs`; the same object where nothing stands over it. */
  over(event: Event, askedMs: number): Event {
    let changed = event;
    for (const [field, entries] of Object.entries(this.#fields)) {
      const entry = entries.get(event.id);
      if (!entry || entry.hadMs <= askedMs || changed[field as Field] === entry.value) continue;
      changed = { ...changed, [field]: entry.value };
    }
    return changed;
  }

  /** For another person. */
  clear(): void {
    for (const entries of Object.values(this.#fields)) entries.clear();
  }

  #prune(field: Field): void {
    const entries = this.#fields[field];
    const before = performance.now() - KEPT_MS;
    for (const [id, { hadMs }] of entries) if (hadMs < before) entries.delete(id);
  }
}

export const standing = new Standing();
