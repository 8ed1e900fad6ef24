/** Sizes, counts and names as text. */
import type { Event } from './api/types';
import { span } from './time';

const SIZE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Decimal units, as disks and data plans count. */
export function byteSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < SIZE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${SIZE_UNITS[unit] ?? 'B'}`;
}

export function counted(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString()} ${n === 1 ? one : many}`;
}

export const kindName = (kind: Event['kind']): string => (kind === 'record' ? 'Clip' : 'Still');

/** Within this a camera's clock counts as right: uploads are not told apart more finely. */
const CLOCK_RIGHT_MS = 2_000;
/** From this on a person should set it. */
const CLOCK_WRONG_MS = 30_000;

/** `error_ms` is the camera's clock minus the true time. */
export function clockVerdict(errorMs: number | null | undefined): { text: string; wrong: boolean } {
  // The server tells an error only where there is one.
  if (errorMs == null) return { text: 'looks right', wrong: false };
  const size = Math.abs(errorMs);
  if (size <= CLOCK_RIGHT_MS) return { text: 'right', wrong: false };
  return {
    text: `${span(size)} ${errorMs > 0 ? 'fast' : 'slow'}`,
    wrong: size >= CLOCK_WRONG_MS,
  };
}

const CODEC_NAMES: Record<string, string> = {
  h264: 'H.264',
  hevc: 'H.265 (HEVC)',
  h265: 'H.265 (HEVC)',
  mjpeg: 'Motion JPEG',
  mpeg4: 'MPEG-4',
  mpeg2video: 'MPEG-2',
};

export const codecName = (codec: string): string =>
  CODEC_NAMES[codec.toLowerCase()] ?? codec.toUpperCase();

/** A steady colour per camera: the same name has the same hue everywhere, in degrees. */
export function cameraHue(name: string): number {
  let hash = 2166136261; // FNV-1a
  for (const char of name) {
    hash ^= char.codePointAt(0) ?? 0;
    hash = Math.imul(hash, 16777619);
  }
  return (hash >>> 0) % 360;
}
