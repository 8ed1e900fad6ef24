import { describe, expect, it } from 'vitest';
import { entryOf } from './version.svelte';

describe('the entry of a document', () => {
  it('is the same under any base path', () => {
    const html = '<script type="module" crossorigin src="./assets/index-abc.js"></script>';
    expect(entryOf(html)).toBe('index-abc.js');
    expect(entryOf(html.replace('./', '/cams/'))).toBe('index-abc.js');
  });

  it('is none in a proxy’s own page', () => {
    expect(
      entryOf('<html><body>502 Bad Gateway<script src="x.js"></script></body></html>'),
    ).toBeNull();
    expect(entryOf('')).toBeNull();
  });
});
