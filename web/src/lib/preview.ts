/** Which picture of a preview belongs to which moment of its clip. Pure. */
import type { Preview } from './api/types';

/** Where a picture stands in the file. */
export interface Cell {
  column: number;
  row: number;
}

/** The picture of the moment at `at` (0 to 1); `null` for a preview that shows nothing. */
export function cellAt({ frames, columns, rows }: Preview, at: number): Cell | null {
  if (!(frames > 0 && columns > 0 && rows > 0)) return null;
  const last = Math.min(frames, columns * rows) - 1;
  const n = Math.min(Math.max(Math.floor(at * frames), 0), last);
  return { column: n % columns, row: Math.floor(n / columns) };
}

/** How far along a box a pointer is, 0 to 1. */
export function along(x: number, box: { left: number; width: number }): number {
  return box.width > 0 ? Math.min(Math.max((x - box.left) / box.width, 0), 1) : 0;
}

/**
 * The size, in per cent of a box of the shape `box` (width by height), that covers it with pictures of
 * another shape without stretching them.
 */
export function cover(picture: number, box: number): { width: number; height: number } {
  return picture > box
    ? { width: (picture / box) * 100, height: 100 }
    : { width: 100, height: (box / picture) * 100 };
}
