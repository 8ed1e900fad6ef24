/**
 * What an admin decides about an event: protection, a note, deletion. The first two show at once and
 * are taken back where the server refuses. A deletion can't be: it is asked for, and waited for.
 */
import type { QueryClient } from '@tanstack/svelte-query';
import { api } from '../api/client';
import { explain, isStatus } from '../api/problem';
import type { Event } from '../api/types';
import type { Messages } from '../messages.svelte';
import { changeCached, removeCached } from './cached';
import { Optimistic } from './optimistic';
import { chunks, type Deed, type Undo } from './undo';

export const NOTE_MAX_CHARS = 2000;
/** Calls beside each other. */
const AT_ONCE = 6;

export class Decisions {
  #protections: Optimistic<'protected'>;
  #notes: Optimistic<'note'>;

  constructor(
    private readonly client: QueryClient,
    private readonly messages: Messages,
    private readonly undo: Undo,
    private readonly onSignedOut: () => void,
  ) {
    const put = (id: string, change: Partial<Event>) =>
      changeCached(client, (event) => (event.id === id ? { ...event, ...change } : event));
    this.#protections = new Optimistic('protected', (id, on) => put(id, { protected: on }));
    this.#notes = new Optimistic('note', (id, note) => put(id, { note }));
  }

  protect(event: Event, on: boolean): Promise<boolean> {
    return this.#did(() => this.#protect(event.id, on), {
      undone: on ? 'Not protected any more' : 'Protected again',
      undo: () => this.#protect(event.id, !on),
    });
  }

  /** All of one happening, undone in one step. A few at once: each is a call, and an incident may have hundreds. */
  protectAll(events: Event[], on: boolean): Promise<boolean> {
    const others = events.filter((event) => event.protected !== on);
    const send = async (value: boolean) => {
      for (const some of chunks(others, AT_ONCE)) {
        const done = await Promise.all(some.map(({ id }) => this.#protect(id, value)));
        if (done.includes(false)) return false;
      }
      return true;
    };
    return this.#did(() => send(on), {
      undone: on ? 'Not protected any more' : 'Protected again',
      undo: () => send(!on),
    });
  }

  /** `null` takes it away. */
  note(event: Event, note: string | null): Promise<boolean> {
    const before = event.note ?? null;
    return this.#did(() => this.#note(event.id, before, note), {
      undone: 'The note is as it was',
      undo: () => this.#note(event.id, note, before),
    });
  }

  #protect(id: string, on: boolean): Promise<boolean> {
    return this.#told(
      () =>
        this.#protections.set(id, !on, on, async () => {
          await api.change(id, { protected: on });
        }),
      on ? 'Not protected.' : 'Still protected.',
      () => this.#protect(id, on),
    );
  }

  #note(id: string, before: string | null, note: string | null): Promise<boolean> {
    return this.#told(
      () =>
        this.#notes.set(id, before, note, async () => {
          // An empty text and null say the same; the document knows only texts.
          await api.change(id, { note: note ?? '' });
        }),
      'The note wasn’t saved.',
      () => this.#note(id, before, note),
    );
  }

  /** Rejects with what went wrong; nothing has changed on the screen then. */
  async remove(event: Event): Promise<void> {
    try {
      await api.remove(event.id);
    } catch (error) {
      if (isStatus(error, 401)) this.onSignedOut();
      // Gone already is what was asked for.
      if (!isStatus(error, 404)) throw error;
    }
    removeCached(this.client, event.id);
  }

  async #did(change: () => Promise<boolean>, deed: Deed): Promise<boolean> {
    this.undo.did(deed);
    const done = await change();
    if (!done) this.undo.forget(deed);
    return done;
  }

  async #told(
    send: () => Promise<void>,
    failure: string,
    again: () => Promise<boolean>,
  ): Promise<boolean> {
    try {
      await send();
      return true;
    } catch (error) {
      if (isStatus(error, 401)) this.onSignedOut();
      else {
        this.messages.show({
          tone: 'error',
          text: `${failure} ${explain(error)}`,
          action: { label: 'Try again', run: () => void again() },
        });
      }
      return false;
    }
  }
}
