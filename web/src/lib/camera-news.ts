/**
 * When the list of cameras is asked for again. An event says that its camera was heard, and no message says how that
 * changed the camera: what is silent or unknown is asked for at once, the rest is gathered.
 */
import type { Camera } from './api/types';

const GATHER_MS = 5_000;

export class CameraNews {
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly known: () => Camera[] | undefined,
    private readonly ask: () => void,
  ) {}

  /** The camera of an event that just came. */
  heard(name: string): void {
    const known = this.known();
    if (!known) return; // it is being asked for
    if (known.find((camera) => camera.name === name)?.silent !== false) this.#askNow();
    else this.#timer ??= setTimeout(() => this.#askNow(), GATHER_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #askNow(): void {
    this.stop();
    this.ask();
  }
}

/** With what the server says of a camera now. */
export function withCamera(known: Camera[], camera: Camera): Camera[] {
  return known.some(({ name }) => name === camera.name)
    ? known.map((old) => (old.name === camera.name ? camera : old))
    : [...known, camera];
}
