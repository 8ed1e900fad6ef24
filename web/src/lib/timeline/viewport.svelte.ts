/**
 * The timeline's geometry on the screen, in CSS pixels: what of the list is near the viewport, what
 * the reader looks at (and keeps in its place when the list changes above it), and the way to an
 * event's card. Where cards go is `layout.ts`'s; this knows scroll and size.
 */
import { tick, untrack } from 'svelte';
import {
  anchorAt,
  groupByDay,
  layOut,
  measure,
  rowOf,
  visible,
  type Placed,
  type Sizes,
} from './layout';
import { isRoom, type Slot } from './pages';

/** News is shown at once this near the top; further down it waits. */
const TOP_PX = 160;
/** From this width on there is room for the rail of hours. */
const RAIL_FROM_REM = 50;
const RAIL_REM = 4.5;
/** A scroll of a few pixels changes nothing that is drawn. */
const STEP_PX = 32;

export class Viewport<T extends Placed> {
  element = $state<HTMLElement>();
  width = $state(0);
  height = $state(innerHeight);
  remPx = $state(16);
  /** How far the top of the list has been scrolled out. */
  offset = $state(0);
  readonly railed = $derived.by(() => this.width >= RAIL_FROM_REM * this.remPx);
  readonly sizes: Sizes = $derived.by(() => ({
    width: Math.max(0, this.width - (this.railed ? RAIL_REM * this.remPx : 0)),
    remPx: this.remPx,
  }));
  readonly layout = $derived.by(() => layOut(groupByDay(this.list()), measure(this.sizes)));
  readonly drawn = $derived.by(() =>
    this.width === 0
      ? []
      : visible(this.layout, this.offset - this.height * 0.6, this.offset + this.height * 1.6),
  );
  /** Pixels of the list below the screen. */
  readonly remaining = $derived.by(() => this.layout.height - (this.offset + this.height));
  #anchor: { id: string; top: number } | null = null;

  /** To be made while a component starts: it follows the list. */
  constructor(
    private readonly list: () => Slot<T>[],
    /** The list begins in the middle: newer ones come above, so the place is held at its top, too. */
    private readonly pinned: () => boolean = () => false,
  ) {
    this.remPx = parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
    $effect(() => {
      const now = this.layout;
      untrack(() => {
        const row = this.#anchor && rowOf(now, this.#anchor.id);
        if (this.#anchor && row && row.top !== this.#anchor.top) {
          scrollBy(0, row.top - this.#anchor.top);
        }
        this.look();
      });
    });
  }

  get atTop(): boolean {
    return scrollY <= TOP_PX;
  }

  /** Reads the scroll. */
  look(): void {
    if (!this.element) return;
    const scrolled = -this.element.getBoundingClientRect().top;
    this.offset = Math.floor(scrolled / STEP_PX) * STEP_PX;
    const held = this.offset > TOP_PX || this.pinned();
    this.#anchor = held ? anchorAt(this.layout, Math.max(0, this.offset)) : null;
  }

  /** Another list: nothing of the old one is to be held in place. */
  reset(scrollTop: number): void {
    this.#anchor = null;
    scrollTo(0, scrollTop);
  }

  isBelow(id: string): boolean {
    const row = rowOf(this.layout, id);
    return row !== null && row.top > this.offset + this.height;
  }

  /** The first event on the screen. */
  get firstId(): string | null {
    return anchorAt(this.layout, Math.max(0, this.offset))?.id ?? null;
  }

  /** What stands first on the screen; `null`, too, while it is fetched again. */
  get first(): T | null {
    const { drawn, layout } = this;
    const y = Math.max(0, this.offset);
    for (const { day, rowsTop, firstRow } of drawn) {
      if (day.top + day.height <= y) continue;
      const row = Math.max(
        firstRow,
        Math.floor((y - day.top - rowsTop) / layout.metrics.rowHeight) + firstRow,
      );
      const slot = day.events[row * layout.metrics.columns] ?? day.events.at(-1);
      return slot === undefined || isRoom(slot) ? null : slot;
    }
    return null;
  }

  /** The event whose card has the focus. */
  get focusedId(): string | null {
    const card = document.activeElement?.closest<HTMLElement>('[data-event-id]');
    return card?.dataset['eventId'] ?? null;
  }

  /** Scrolls an event's row into view if it isn't there. */
  async reveal(id: string, { focus = false } = {}): Promise<void> {
    const row = rowOf(this.layout, id);
    if (!row || !this.element) return;
    const top = this.element.getBoundingClientRect().top + scrollY + row.top;
    const roof = 7 * this.remPx; // the bar and the day's heading
    const floor = this.height - row.height - 4 * this.remPx;
    if (top - scrollY < roof || top - scrollY > floor) {
      scrollTo(0, Math.max(0, top - (this.height - row.height) / 2));
      this.look();
    }
    if (!focus) return;
    await tick();
    this.element
      .querySelector<HTMLElement>(`[data-event-id="${CSS.escape(id)}"]`)
      ?.focus({ preventScroll: true });
  }
}
