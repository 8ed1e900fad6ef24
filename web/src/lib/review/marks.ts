/**
 * What the signed-in person has viewed. Marks show at once and are taken back with a word where the
 * server refuses; what other devices marked comes in through `catchUp`. A mark never moves an event
 * or changes what is loaded.
 */
import type { QueryClient } from '@tanstack/svelte-query';
import { api } from '../api/client';
import { explain, isStatus } from '../api/problem';
import { keys } from '../api/queries';
import type { Event } from '../api/types';
import type { Messages } from '../messages.svelte';
import { changeCached } from './cached';
import { Optimistic } from './optimistic';
import { reaches, seen } from './seen';
import { standing } from './standing';
import { chunks, type Deed, type Undo } from './undo';

/** Servers' clocks differ: asked again from so long before the newest known mark. */
const OVERLAP_MS = 60_000;
const PAGE = 500;
/** Marks that are taken back one by one: so many calls beside each other. */
const AT_ONCE = 6;
/** Beyond this many marks at once the lists are loaded anew instead. */
const PAGES_MAX = 10;

export class Marks {
  #changes: Optimistic<'viewed'>;
  #sinceMs: number | null = null;
  #catchingUp = false;
  /** Steps of "everything up to" that have been shown. */
  #stepsMs = 0;

  constructor(
    private readonly client: QueryClient,
    private readonly messages: Messages,
    private readonly undo: Undo,
    /** Told when the server says that nobody is signed in. */
    private readonly onSignedOut: () => void,
  ) {
    this.#changes = new Optimistic('viewed', (id, viewed) =>
      changeCached(client, (event) => (event.id === id ? seen(event, viewed) : event)),
    );
  }

  /** `true` once the server has it. */
  async mark(event: Event, viewed: boolean): Promise<boolean> {
    const deed: Deed = {
      undone: viewed ? 'Not viewed any more' : 'Viewed again',
      undo: () => this.#send(event.id, viewed, !viewed),
    };
    this.undo.did(deed);
    const done = await this.#send(event.id, event.viewed === true, viewed);
    if (!done) this.undo.forget(deed);
    return done;
  }

  /** Opening an event is viewing it. */
  opened(event: Event): void {
    if (event.viewed !== true) void this.mark(event, true);
  }

  async #send(id: string, before: boolean, viewed: boolean): Promise<boolean> {
    try {
      await this.#changes.set(id, before, viewed, () => api.mark(id, viewed));
      return true;
    } catch (error) {
      if (isStatus(error, 404)) return false; // it is gone; whatever shows it is told so
      this.#failed(
        error,
        viewed ? 'Not marked as viewed.' : 'Still marked as viewed.',
        () => void this.#send(id, before, viewed),
      );
      return false;
    }
  }

  /** All of one happening: shown at once, undone in one step. */
  async markAll(events: Event[], viewed: boolean): Promise<boolean> {
    const others = events.filter((event) => (event.viewed === true) !== viewed);
    if (others.length === 0) return true;
    const deed: Deed = {
      undone: viewed ? 'Not viewed any more' : 'Viewed again',
      undo: () => this.#sendAll(others, !viewed),
    };
    this.undo.did(deed);
    const done = await this.#sendAll(others, viewed);
    if (!done) this.undo.forget(deed);
    return done;
  }

  async #sendAll(events: Event[], viewed: boolean): Promise<boolean> {
    const ids = events.map(({ id }) => id);
    /** Shows what the server has not got of it as it was. */
    const left = new Set(ids);
    const show = (now: boolean) =>
      changeCached(this.client, (event) => (left.has(event.id) ? seen(event, now) : event));
    const settle = (some: string[], value: boolean) => {
      for (const id of some) standing.settle('viewed', id, value, performance.now());
    };
    for (const id of ids) standing.begin('viewed', id, viewed);
    show(viewed);
    try {
      for (const some of chunks(ids, viewed ? PAGE : AT_ONCE)) {
        await (viewed ? api.markMany(some) : Promise.all(some.map((id) => api.mark(id, false))));
        settle(some, viewed);
        for (const id of some) left.delete(id);
      }
      return true;
    } catch (error) {
      settle([...left], !viewed);
      show(!viewed);
      this.#failed(
        error,
        viewed ? 'Not marked as viewed.' : 'Still marked as viewed.',
        () => void this.#sendAll(events, viewed),
      );
      return false;
    }
  }

  /** This event and all behind it that the server has, of any camera. It can't be undone. */
  async markUpTo(event: Event): Promise<boolean> {
    const flipped = new Set<string>();
    changeCached(this.client, (other) => {
      if (other.viewed === true || !reaches(event, other)) return other;
      flipped.add(other.id);
      standing.begin('viewed', other.id, true);
      return seen(other, true);
    });
    const settle = (value: boolean) => {
      for (const id of flipped) standing.settle('viewed', id, value, performance.now());
    };
    try {
      await api.markUpTo(event.id);
      settle(true);
      this.messages.show({ tone: 'calm', text: 'All marked as viewed, up to this event.' });
      return true;
    } catch (error) {
      settle(false);
      changeCached(this.client, (other) => (flipped.has(other.id) ? seen(other, false) : other));
      this.#failed(error, 'Nothing was marked as viewed.', () => void this.markUpTo(event));
      return false;
    }
  }

  #failed(error: unknown, what: string, again: () => void): void {
    if (isStatus(error, 401)) return this.onSignedOut();
    this.messages.show({
      tone: 'error',
      text: `${what} ${explain(error)}`,
      action: { label: 'Try again', run: again },
    });
  }

  /** Takes in what was marked elsewhere since the last time. */
  async catchUp(): Promise<void> {
    if (this.#catchingUp) return;
    this.#catchingUp = true;
    try {
      // The first answer is only asked for its clock: what is loaded carries its marks already.
      this.#sinceMs ??= (await api.viewed({ sinceMs: Date.now(), limit: 1 })).nowMs - OVERLAP_MS;
      let cursor: string | undefined;
      for (let page = 0; page < PAGES_MAX; page += 1) {
        const answer = await api.viewed({ sinceMs: this.#sinceMs, limit: PAGE, cursor });
        this.#take(answer.items, answer.up_to);
        cursor = answer.next_cursor ?? undefined;
        if (cursor === undefined) return this.#advance([...answer.items, ...answer.up_to]);
      }
      await this.client.invalidateQueries({ queryKey: keys.timelines });
    } catch {
      // Told by the live status if it lasts; the next time asks from the same moment.
    } finally {
      this.#catchingUp = false;
    }
  }

  #take(items: { id: string }[], steps: { id: string; viewed_at: string }[]): void {
    const ids = new Set(items.map(({ id }) => id));
    const fresh = steps
      .map(({ id, viewed_at }) => ({ id, atMs: Date.parse(viewed_at) }))
      .filter(({ atMs }) => atMs > this.#stepsMs && atMs >= (this.#sinceMs ?? 0));
    if (ids.size === 0 && fresh.length === 0) return;
    changeCached(this.client, (event) => {
      if (event.viewed === true || this.#changes.isPending(event.id)) return event;
      const marked =
        ids.has(event.id) ||
        fresh.some((step) => reaches(step, event) && Date.parse(event.stored_at) <= step.atMs);
      return marked ? seen(event, true) : event;
    });
    this.#stepsMs = Math.max(this.#stepsMs, ...fresh.map(({ atMs }) => atMs));
  }

  #advance(marks: { viewed_at: string }[]): void {
    const newest = Math.max(...marks.map(({ viewed_at }) => Date.parse(viewed_at)));
    if (Number.isFinite(newest)) {
      this.#sinceMs = Math.max(this.#sinceMs ?? 0, newest - OVERLAP_MS);
    }
  }
}
