// Vite plugin: what makes the build an app that can be installed. Puts the build's id and file list into
// the service worker, and draws the icons.
import { createHash } from 'node:crypto';
import { icon } from './icons.mjs';

const ICON_SIZES = [180, 192, 512];

export function installable() {
  return {
    name: 'installable',
    apply: 'build',
    generateBundle(_, bundle) {
      const worker = bundle['sw.js'];
      if (worker?.type !== 'chunk') throw new Error('sw.js: expected a chunk of the build');
      if (worker.imports.length > 0) {
        throw new Error(`sw.js stands alone; it imports ${worker.imports.join(', ')}`);
      }
      const assets = Object.keys(bundle).filter((file) => file.startsWith('assets/'));
      assets.sort();
      const hash = createHash('sha256').update(assets.join('\n')).update(worker.code);
      const id = hash.digest('hex').slice(0, 12);
      if (!worker.code.includes('__BUILD__')) throw new Error('sw.js: expected __BUILD__ in it');
      worker.code = worker.code.replaceAll('__BUILD__', JSON.stringify({ id, assets }));
      for (const size of ICON_SIZES) {
        this.emitFile({ type: 'asset', fileName: `icon-${size}.png`, source: icon(size) });
      }
    },
  };
}
