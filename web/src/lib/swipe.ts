/** Sideways swipes, told from scrolls, taps, pinches and the video's own controls. */

export type Swipe = 'left' | 'right';

const MIN_DISTANCE_PX = 48;
/** Sideways travel must beat vertical travel by this much. */
const MIN_SLOPE = 1.6;
const MAX_MS = 700;

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

/**
 * Svelte attachment. A touch that starts within `deadBottomPx` of a video's bottom edge, or on a control, is
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
    element.addEventListener('touchend', onEnd, { passive: true });
    return () => {
      element.removeEventListener('touchstart', onStart);
      element.removeEventListener('touchend', onEnd);
    };
  };
}
