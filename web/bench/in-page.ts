/** What runs inside the measured page. Each function is sent there alone: it uses nothing of this module. */

export interface Bench {
  /** Milliseconds since the navigation began. */
  posters: Promise<{ firstMs: number; allMs: number }>;
  frames: () => { droppedPercent: number; longestMs: number };
  /** Milliseconds from the key to the next poster's frame. */
  next: Promise<number>;
  stop: () => void;
}

declare global {
  interface Window {
    bench: Bench;
  }
}

/** From the document's beginning: when the first poster on the screen, and all of them, have been painted. */
export function watchPosters(): void {
  const bench = {} as Bench;
  window.bench = bench;
  bench.posters = new Promise((done) => {
    let firstMs = 0;
    // The browser's own word, where it gives one: our frames wait for the scripts, its paint doesn't.
    let paintedMs = Infinity;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { url?: string })[]) {
        if (entry.url?.includes('/media/')) paintedMs = Math.min(paintedMs, entry.startTime);
      }
    }).observe({ type: 'largest-contentful-paint', buffered: true });
    const look = () => {
      const images = [
        ...document.querySelectorAll<HTMLImageElement>('#first img, [data-testid=timeline] li img'),
      ];
      const onScreen = images.filter((image) => image.getBoundingClientRect().top < innerHeight);
      const there = onScreen.filter((image) => image.complete && image.naturalWidth > 0);
      // They were decoded and drawn in the frame that this one follows.
      if (firstMs === 0 && there.length > 0) {
        const first = there[0];
        void first
          ?.decode()
          .then(() =>
            requestAnimationFrame(() =>
              requestAnimationFrame(() => (firstMs ||= performance.now())),
            ),
          );
      }
      if (firstMs > 0 && onScreen.length > 0 && there.length === onScreen.length) {
        done({ firstMs: Math.min(firstMs, paintedMs), allMs: performance.now() });
      } else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
}

/** Counts frames from now on: one that lasts as long as two has dropped one. */
export function countFrames(): void {
  const bench = (window.bench ??= {} as Bench);
  const times: number[] = [];
  let going = true;
  const frame = (now: number) => {
    times.push(now);
    if (going) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  bench.frames = () => {
    going = false;
    const frameMs = 1000 / 60;
    let due = 0;
    let dropped = 0;
    let longestMs = 0;
    for (let at = 1; at < times.length; at += 1) {
      const took = (times[at] ?? 0) - (times[at - 1] ?? 0);
      const frames = Math.max(1, Math.round(took / frameMs));
      due += frames;
      dropped += frames - 1;
      longestMs = Math.max(longestMs, took);
    }
    return { droppedPercent: (100 * dropped) / Math.max(1, due), longestMs };
  };
}

/** The time from the next press of `key` to the frame with another poster on the stage. */
export function watchNextPoster(key: string): void {
  const bench = (window.bench ??= {} as Bench);
  const shown = () =>
    document.querySelector<HTMLImageElement>('[data-testid=stage-poster], [data-testid=still]');
  const before = location.href;
  bench.next = new Promise((done) => {
    addEventListener(
      'keydown',
      (press) => {
        if (press.key !== key) return;
        const began = performance.now();
        const look = () => {
          const poster = shown();
          if (location.href !== before && poster?.complete === true && poster.naturalWidth > 0) {
            void poster
              .decode()
              .then(() =>
                requestAnimationFrame(() =>
                  requestAnimationFrame(() => done(performance.now() - began)),
                ),
              );
          } else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
      },
      { capture: true, once: true },
    );
  });
}

/** Down by so many pixels a second. */
export function scrollSteadily(pixels: number): void {
  const bench = (window.bench ??= {} as Bench);
  let going = true;
  let last = performance.now();
  let owed = 0;
  const frame = (now: number) => {
    owed += Math.min(0.25, (now - last) / 1000) * pixels;
    last = now;
    const whole = Math.floor(owed);
    owed -= whole;
    scrollBy(0, whole);
    if (going) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  bench.stop = () => (going = false);
}

/** Down to the end of what is loaded, again and again. */
export function scrollFast(): void {
  const bench = (window.bench ??= {} as Bench);
  let going = true;
  const frame = () => {
    scrollTo(0, document.documentElement.scrollHeight);
    if (going) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  bench.stop = () => (going = false);
}

/** Elements and texts in the document. */
export function countAllNodes(): number {
  const all = document.createNodeIterator(document);
  let count = 0;
  while (all.nextNode()) count += 1;
  return count;
}

export function countNodes(): number {
  const walker = document.createTreeWalker(
    document,
    NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT,
  );
  let count = 0;
  while (walker.nextNode()) count += 1;
  return count;
}
