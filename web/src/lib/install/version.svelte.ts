/**
 * Whether the server has another build of the app than the one that runs (NEVER-38). Its document is
 * compared, which works without a service worker too: the entry script's name holds a hash.
 */
import { basePath } from '../base';
import { refreshWorker } from './worker';

const EVERY_MS = 30 * 60_000;
/** Coming back to the tab asks too, but no more often than this. */
const APART_MS = 60_000;
const TIMEOUT_MS = 10_000;
const ENTRY = /<script[^>]*type="module"[^>]*src="([^"]+)"/;

/** The entry script of a document, by its name alone: the same under any base path. */
export function entryOf(html: string): string | null {
  const path = ENTRY.exec(html)?.[1];
  return path?.split('/').at(-1) ?? null;
}

class Version {
  /** Another build is there. */
  newer = $state(false);
  #own: string | null = null;
  #askedMs = 0;

  start(): () => void {
    const script = document.querySelector<HTMLScriptElement>('script[type=module][src]');
    this.#own = script?.src.split('/').at(-1) ?? null;
    const onVisible = () => {
      if (document.visibilityState === 'visible') void this.look(APART_MS);
    };
    const timer = setInterval(() => void this.look(), EVERY_MS);
    document.addEventListener('visibilitychange', onVisible);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', onVisible);
    };
  }

  /** After a gap of the live connection: the server may have been updated meanwhile. */
  async look(apartMs = 0): Promise<void> {
    if (!import.meta.env.PROD || this.newer || Date.now() - this.#askedMs < apartMs) return;
    this.#askedMs = Date.now();
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const response = await fetch(basePath(), { cache: 'no-store', signal });
      if (!response.ok) return;
      const entry = entryOf(await response.text());
      // A proxy's own page has no entry, and is no newer build.
      if (entry === null || this.#own === null || entry === this.#own) return;
      this.newer = true;
      await refreshWorker();
    } catch {
      // Away: the next look will tell.
    }
  }
}

export const version = new Version();
