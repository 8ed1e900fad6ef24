/** Towards what is older (1) or newer (-1). */
export type Direction = 1 | -1;

const WANTED_FOR_MS = 5_000;

/**
 * A step that was asked for before it was known what lies that way. It is kept until it is, so that a key that
 * is pressed the moment a page opens isn't lost; whoever goes elsewhere meanwhile wants it no more, nor does anybody
 * after a while: a page that turns by itself is worse than a key without an answer.
 */
export class WantedStep {
  #step = $state.raw<{ from: string; direction: Direction; atMs: number } | null>(null);

  /** Of the page that shows `from`. */
  keep(from: string, direction: Direction): void {
    this.#step = { from, direction, atMs: Date.now() };
  }

  drop(): void {
    this.#step = null;
  }

  /** Which way, if it was asked for on the page that shows `here`. */
  from(here: string): Direction | null {
    const step = this.#step;
    return step?.from === here && Date.now() - step.atMs < WANTED_FOR_MS ? step.direction : null;
  }
}
