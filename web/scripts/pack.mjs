// Packs what the build made, so that the server sends a third of the bytes: `X.js.gz` stands beside `X.js`.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const dist = new URL('../dist/', import.meta.url);
/** Below this the headers weigh more than what is saved. */
const WORTH_BYTES = 500;
const PACKED = /\.(js|css|svg|webmanifest)$/;

for (const name of readdirSync(dist, { recursive: true })) {
  const file = new URL(name, dist);
  if (!PACKED.test(name) || !statSync(file).isFile()) continue;
  const plain = readFileSync(file);
  const packed = gzipSync(plain, { level: 9 });
  if (plain.length - packed.length >= WORTH_BYTES)
    writeFileSync(new URL(`${name}.gz`, dist), packed);
}
