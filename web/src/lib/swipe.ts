/** Sideways swipes, told from scrolls, taps, pinches and the video's own controls. */

export type Swipe = 'left' | 'right';

const MIN_DISTANCE_PX = 48;
/** Sideways travel must beat vertical travel by this much. */
const MIN_SLOPE = 1.6;
const MAX_MS = 700;
/** From so far on it is told whether a stroke goes sideways. */
const TOLD_PX = 8;

export interface Stroke {
  dx: number;
  dy: number;
  ms: number;
}

export function judge({ dx, dy, ms }: Stroke): Swipe | null {
  if (ms > MAX_MS || Math.abs(dx) < MIN_DISTANCE_PX) return null;
  if (Math.abs(dx) < Math.abs(dy) * MIN_SLOPE) return null;
  return dx < 0 ? 'left' : 'right';
}

/** Whether a stroke that isn't over yet is ours: the browser is to make nothing of it. */
export const isOurs = ({ dx, dy }: Pick<Stroke, 'dx' | 'dy'>): boolean =>
  Math.abs(dx) >= TOLD_PX && Math.abs(dx) >= Math.abs(dy) * MIN_SLOPE;

/**
 * Svelte attachment. The browser makes a fling of a swipe that ends fast, also where nothing scrolls sideways, and
 * for the next second a tap anywhere only stops that fling: so a stroke that goes sideways is taken from it. A touch that starts within `deadBottomPx` of a video's bottom edge, or on a control, is
 * left alone: there one seeks.
 */
export function swipe(onSwipe: (direction: Swipe) => void, deadBottomPx: () => number = () => 0) {
  return (element: HTMLElement): (() => void) => {
    let start: { x: number; y: number; at: number } | null = null;
    const onStart = (event: TouchEvent) => {
      const touch = event.touches[0];
      const zoomed = (visualViewport?.scale ?? 1) > 1.05;
      start = null;
      if (!touch || event.touches.length > 1 || zoomed) return;
      const target = touch.target instanceof Element ? touch.target : null;
      if (target?.closest('input')) return;
      const bottom = target?.closest('video')?.getBoundingClientRect().bottom ?? Infinity;
      if (bottom - touch.clientY < deadBottomPx()) return;
      start = { x: touch.clientX, y: touch.clientY, at: event.timeStamp };
    };
    const onMove = (event: TouchEvent) => {
      const touch = event.touches[0];
      if (!start || !touch || !event.cancelable) return;
      if (event.touches.length > 1) start = null;
      else if (isOurs({ dx: touch.clientX - start.x, dy: touch.clientY - start.y }))
        event.preventDefault();
    };
    const onEnd = (event: TouchEvent) => {
      const touch = event.changedTouches[0];
      if (!start || !touch) return;
      const direction = judge({
        dx: touch.clientX - start.x,
        dy: touch.clientY - start.y,
        ms: event.timeStamp - start.at,
      });
      start = null;
      if (direction) onSwipe(direction);
    };
    element.addEventListener('touchstart', onStart, { passive: true });
    element.addEventListener('touchmove', onMove, { passive: false });
    element.addEventListener('touchend', onEnd, { passive: true });
    return () => {
      element.removeEventListener('touchstart', onStart);
      element.removeEventListener('touchmove', onMove);
      element.removeEventListener('touchend', onEnd);
    };
  };
}
