/** Posters that are there, decoded, before the key that shows them is pressed. */
export class PostersAhead {
  readonly #images: HTMLImageElement[] = [];
  readonly #most: number;

  /** `most`: so many are kept; those that were asked for first go. */
  constructor(most: number) {
    this.#most = most;
  }

  fetch(urls: Iterable<string | null | undefined>): void {
    for (const url of urls) {
      if (url == null || this.#images.some((image) => image.getAttribute('src') === url)) continue;
      const image = new Image();
      image.src = url;
      image.decode().catch(() => undefined); // who shows it will say so
      this.#images.push(image);
    }
    this.#images.splice(0, this.#images.length - this.#most);
  }
}
