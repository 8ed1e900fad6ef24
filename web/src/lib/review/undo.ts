/** What a person did last, newest first, for the undo key. Bounded: an afternoon's review is enough. */
const DEPTH = 200;

/** For what is sent in several calls. */
export function chunks<T>(all: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, at) =>
    all.slice(at * size, (at + 1) * size),
  );
}

export interface Deed {
  /** What is told when it has been taken back: `Not viewed`. */
  undone: string;
  undo: () => Promise<boolean>;
}

export class Undo {
  #deeds: Deed[] = [];

  did(deed: Deed): void {
    this.#deeds = [deed, ...this.#deeds].slice(0, DEPTH);
  }

  /** It failed and was rolled back: there is nothing to undo. */
  forget(deed: Deed): void {
    this.#deeds = this.#deeds.filter((known) => known !== deed);
  }

  clear(): void {
    this.#deeds = [];
  }

  take(): Deed | undefined {
    return this.#deeds.shift();
  }
}
