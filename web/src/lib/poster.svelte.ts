/** A poster that could not be had is tried again a few times: the line was away, or its link was renewed to the same. */
const AGAIN_AFTER_MS = [3_000, 10_000, 30_000];

export class Poster {
  #failedUrl = $state.raw<string | null>(null);
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** The picture's address, if there is one that may be tried. */
  of(url: string | null | undefined): string | null {
    return url == null || url === this.#failedUrl ? null : url;
  }

  failed(url: string): void {
    this.#failedUrl = url;
    const wait = AGAIN_AFTER_MS[this.#failures];
    if (wait === undefined) return;
    this.#failures += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.#failedUrl = null), wait);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
