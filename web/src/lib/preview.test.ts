import { describe, expect, it } from 'vitest';
import { blurUrl } from './blur';
import { along, cellAt, cover } from './preview';

const preview = { url: 'p.jpg', frames: 14, columns: 4, rows: 4 };

describe('a preview', () => {
  it.each([
    [0, { column: 0, row: 0 }],
    [0.5, { column: 3, row: 1 }],
    [0.999, { column: 1, row: 3 }],
    [1, { column: 1, row: 3 }],
    [-1, { column: 0, row: 0 }],
    [7, { column: 1, row: 3 }],
  ])('shows at %d the picture %o', (at, cell) => expect(cellAt(preview, at)).toEqual(cell));

  it('never points beside the file', () => {
    expect(cellAt({ ...preview, frames: 99 }, 1)).toEqual({ column: 3, row: 3 });
    expect(cellAt({ ...preview, frames: 0 }, 0)).toBeNull();
    expect(cellAt({ ...preview, columns: 0 }, 0)).toBeNull();
    expect(cellAt({ ...preview, frames: NaN }, 0)).toBeNull();
  });

  it('is asked by where the pointer is', () => {
    expect(along(150, { left: 100, width: 200 })).toBe(0.25);
    expect(along(50, { left: 100, width: 200 })).toBe(0);
    expect(along(500, { left: 100, width: 200 })).toBe(1);
    expect(along(5, { left: 0, width: 0 })).toBe(0);
  });

  it('covers a box without being stretched', () => {
    expect(cover(4 / 3, 16 / 9)).toEqual({ width: 100, height: (16 / 9 / (4 / 3)) * 100 });
    expect(cover(32 / 9, 16 / 9)).toEqual({ width: 200, height: 100 });
  });
});

describe('a blur', () => {
  it('is a picture', () => {
    expect(blurUrl('1QcSHQRnh493V4dIh4eXh1h4kJUI')).toMatch(/^data:image\/png;base64,/);
  });
  it.each([null, undefined, '', '!', 'AAAA', 'A'.repeat(400)])('is nothing of %s', (hash) =>
    expect(blurUrl(hash)).toBeNull(),
  );
});
