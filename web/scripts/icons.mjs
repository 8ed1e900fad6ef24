// The app's sign (public/favicon.svg) as PNG, for systems that take no SVG: drawn at build time, so that
// no picture lies in the repository. Only what the sign needs: discs and rings on a square, antialiased.
import { deflateSync, crc32 } from 'node:zlib';

const GROUND = [0x12, 0x23, 0x1f];
const SIGNAL = [0xf2, 0xb2, 0x3e];
/** The SVG's shapes: centre, inner and outer radius in its 32 units, opacity. */
const SHAPES = [
  [20, 13, 5, 8, 1],
  [20, 13, 0, 2, 1],
  [12.2, 20.4, 0, 1.9, 0.85],
  [8.6, 24, 0, 1.4, 0.6],
  [5.8, 26.6, 0, 1, 0.4],
];
/** So many shades between ground and signal: what a palette holds. */
const SHADES = 64;

/** How much of a pixel at distance `d` is inside `radius`, all in pixels. */
const cover = (d, radius) => Math.min(1, Math.max(0, radius - d + 0.5));

export function icon(size) {
  const unit = size / 32;
  const rows = Buffer.alloc(size * (size + 1));
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      let light = 0;
      for (const [cx, cy, inner, outer, opacity] of SHAPES) {
        const d = Math.hypot(x + 0.5 - cx * unit, y + 0.5 - cy * unit);
        const ring = cover(d, outer * unit) - (inner > 0 ? cover(d, inner * unit) : 0);
        light = Math.max(light, ring * opacity);
      }
      rows[y * (size + 1) + 1 + x] = Math.round(light * (SHADES - 1));
    }
  }
  const palette = Buffer.from(
    Array.from({ length: SHADES }, (_, i) =>
      GROUND.map((from, c) => Math.round(from + ((SIGNAL[c] - from) * i) / (SHADES - 1))),
    ).flat(),
  );
  const head = Buffer.alloc(13);
  head.writeUInt32BE(size, 0);
  head.writeUInt32BE(size, 4);
  head.set([8, 3, 0, 0, 0], 8); // eight bits a pixel, of a palette
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', head),
    chunk('PLTE', palette),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const out = Buffer.alloc(data.length + 12);
  out.writeUInt32BE(data.length, 0);
  out.set(body, 4);
  out.writeUInt32BE(crc32(body), data.length + 8);
  return out;
}
