import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { installable } from './scripts/installable.mjs';

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

// CAMTRAIL_URL: the running server that `npm run dev` talks to.
const server = process.env['CAMTRAIL_URL'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  // Relative URLs everywhere: the same files are served at any base path. The `<base href>` that
  // the server puts into index.html is the only thing that knows it.
  base: './',
  plugins: [svelte(), installable()],
  resolve: { alias: { $lib: source('lib'), $components: source('components') } },
  build: {
    target: 'es2022',
    // No inline scripts (strict CSP) and no data: URLs that a CSP would have to allow.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    manifest: 'manifest.json',
    rolldownOptions: {
      // The service worker's name is fixed: its address is what browsers know it by.
      input: { index: 'index.html', sw: 'src/sw/sw.ts' },
      output: {
        entryFileNames: ({ name }) => (name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js'),
      },
    },
  },
  server: { proxy: { '/api': { target: server, changeOrigin: false } } },
  preview: { proxy: { '/api': { target: server, changeOrigin: false } } },
  test: {
    include: ['src/**/*.test.ts'],
    environment: 'node',
    env: { TZ: 'Asia/Kolkata' }, // a zone no camera of ours has: zone mistakes show
  },
});
