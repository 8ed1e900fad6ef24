/** What a timeline of cards is made of, whether a card is one capture or an incident of several. */
import type { SvelteSet } from 'svelte/reactivity';
import type { Event, Group } from '../api/types';
import type { Filters, Fits } from '../filters';
import type { LiveMessage } from '../live.svelte';
import type { Placed } from './layout';
import type { Pages, Slot } from './pages';
import type { WindowHost } from './window';

/** What the timeline's page gives its list. */
export interface ListProps {
  filters: Filters;
  /** From where it goes back, in milliseconds; `null`: from now. */
  atMs: number | null;
  groups: Group[] | undefined;
  nameOf: (camera: string) => string;
  clear: () => void;
  /** Leaves the past. */
  toNow: () => void;
  /** Told what is first on the screen. */
  onLook: (captureDate: string, captureHour: string) => void;
  /** Whether there was ever anything. */
  onTouched: (touched: boolean) => void;
}

export type Card = Placed & { viewed?: boolean | null | undefined };

/** What a feed asks of its list. */
export interface FeedHost {
  filters: () => Filters;
  /** From where the list goes back; `null`: from now. In a list of the past, news only waits. */
  atMs: () => number | null;
  /** Whether an event belongs on this list. */
  fits: Fits;
  /** Whether news may be shown at once. */
  atTop: () => boolean;
  /** Told after news has been put into the list. */
  onShown: (event: Event) => void;
}

/** Keeps a loaded list true while it is on screen. */
export interface ListFeed {
  /** Just arrived: drawn with a short entrance. */
  readonly fresh: SvelteSet<string>;
  /** News that waits; `atLeast` when there may be more. */
  readonly waiting: { count: number; atLeast: boolean };
  receive(message: LiveMessage): void;
  /** Brings the top up to date. */
  sync(): Promise<void>;
  /** Shows what waited. */
  release(): void;
  /** For another list: what waited belonged to the old one. */
  forget(): void;
  stop(): void;
}

/** The part of an endless query that a list is drawn from. */
export interface ListQuery<P> {
  readonly data: Pages<P> | undefined;
  readonly isPending: boolean;
  readonly isSuccess: boolean;
  readonly isError: boolean;
  readonly isFetching: boolean;
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly error: unknown;
  refetch(): Promise<unknown>;
}

/** Cards of one kind, `T`, from pages of `P`. */
export interface CardSource<T extends Card, P extends { id: string }> {
  list: ListQuery<P>;
  slots: () => Slot<T>[];
  pages: Omit<WindowHost<P>, 'drawn'>;
  feed: (host: FeedHost) => ListFeed;
  /** Oldest first. */
  eventsOf: (card: T) => Event[];
  /** Marks it as viewed, or takes that back. */
  view: (card: T) => Promise<unknown>;
  protect: (card: T) => Promise<unknown>;
}
