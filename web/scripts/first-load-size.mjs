// Measures what a first visit downloads, from Vite's manifest: the entry, its static imports and
// its style sheets, gzipped. The build fails over the budget (UX.md: under 100 kB of script).
import { readFileSync, rmSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const SCRIPT_BUDGET_BYTES = 100 * 1000;
const dist = new URL('../dist/', import.meta.url);
const manifestFile = new URL('manifest.json', dist);
const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'));

const gzipped = (file) => gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length;

/** The chunk and everything that it imports statically. */
function closure(key, seen = new Set()) {
  if (!seen.has(key)) {
    seen.add(key);
    for (const imported of manifest[key].imports ?? []) closure(imported, seen);
  }
  return seen;
}

const first = closure('index.html');
let script = gzipped('theme.js');
let style = 0;
for (const key of first) {
  script += gzipped(manifest[key].file);
  for (const css of manifest[key].css ?? []) style += gzipped(css);
}
const kb = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
console.log(`\nfirst load, gzipped: script ${kb(script)}, style ${kb(style)}`);
for (const [key, chunk] of Object.entries(manifest)) {
  if (chunk.isDynamicEntry && !first.has(key)) {
    const extra = [...closure(key)].filter((k) => !first.has(k));
    const bytes = extra.reduce((sum, k) => sum + gzipped(manifest[k].file), 0);
    console.log(`  later: ${key} +${kb(bytes)} script`);
  }
}
rmSync(manifestFile); // a build note, not a file to serve
if (script > SCRIPT_BUDGET_BYTES) {
  console.error(`over the budget of ${kb(SCRIPT_BUDGET_BYTES)}`);
  process.exit(1);
}
