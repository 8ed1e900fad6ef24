/**
 * Looking through a clip: a resting mouse, or a finger that moves sideways, shows the preview's picture of
 * that place. What isn't made yet is asked for, once somebody really looks, and for as long as they do.
 */
import { api } from './api/client';
import type { Event, Preview } from './api/types';
import { along } from './preview';
import { PreviewWishes } from './preview-wishes';

/** A pointer that only passes wants nothing. */
const DWELL_MS = 180;
/** From here on a finger's way is a scrub and no tap. */
const SLOP_PX = 10;

const wishes = new PreviewWishes(api.askForPreview);

export class Scrub {
  /** The place that is looked at, 0 to 1. */
  at = $state<number | null>(null);
  /** It was asked for and isn't there yet. */
  waiting = $state(false);
  #asked = $state.raw<Event | null>(null);
  readonly preview: Preview | null = $derived.by(
    () => this.event()?.preview ?? this.#askedOf() ?? null,
  );
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looking = false;
  #touched: { id: number; x: number } | null = null;
  /** The click that ends a scrub opens nothing. */
  #scrubbed = false;
  #x = 0;

  /** `null`: there is no clip to look through. */
  constructor(private readonly event: () => Event | null) {}

  #askedOf(): Preview | null {
    return this.#asked?.id === this.event()?.id ? (this.#asked?.preview ?? null) : null;
  }

  /** Somebody looks at it: the preview is wanted, from `afterMs` on. */
  look(afterMs: number, then: () => void = () => undefined): void {
    this.stop();
    if (this.event()?.kind !== 'record') return;
    this.#looking = true;
    this.#timer = setTimeout(() => {
      then();
      void this.#ask();
    }, afterMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#looking = false;
    this.at = null;
    this.waiting = false;
    this.#touched = null;
    const id = this.event()?.id;
    if (this.preview && id !== undefined) wishes.done(id);
  }

  async #ask(): Promise<void> {
    const id = this.event()?.id;
    if (!this.#looking || id === undefined) return;
    if (this.preview) {
      this.waiting = false;
      wishes.done(id);
      return;
    }
    const answer = await wishes.ask(id);
    if (!this.#looking || this.event()?.id !== id) return;
    this.waiting = answer !== 'never' && !('event' in answer);
    if (answer === 'never') return;
    if ('event' in answer) this.#asked = answer.event;
    else this.#timer = setTimeout(() => void this.#ask(), answer.againAfterMs);
  }

  /** For the box whose width is the clip's length. */
  readonly handlers = {
    onpointerenter: (pointer: PointerEvent): void => {
      const box = pointer.currentTarget as Element;
      if (pointer.pointerType === 'mouse') this.look(DWELL_MS, () => this.#place(box));
    },
    onpointerdown: (pointer: PointerEvent): void => {
      this.#scrubbed = false;
      if (pointer.pointerType === 'mouse') return;
      this.#touched = { id: pointer.pointerId, x: pointer.clientX };
    },
    onpointermove: (pointer: PointerEvent): void => {
      this.#x = pointer.clientX;
      const box = pointer.currentTarget as Element;
      if (this.at !== null) {
        this.#place(box);
        return;
      }
      const touched = this.#touched;
      if (touched?.id !== pointer.pointerId || Math.abs(this.#x - touched.x) < SLOP_PX) return;
      this.#scrubbed = true;
      this.look(0);
      this.#place(box);
    },
    onpointerleave: (): void => this.stop(),
    onpointercancel: (): void => this.stop(),
    onclick: (click: MouseEvent): void => {
      if (this.#scrubbed) click.preventDefault();
      this.#scrubbed = false;
    },
  };

  #place(box: Element): void {
    this.at = along(this.#x, box.getBoundingClientRect());
  }
}
