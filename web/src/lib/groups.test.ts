import { describe, expect, it } from 'vitest';
import { belongs, emptyGroup, isSame, replaced } from './groups';

const of = (rules: object, cameras: string[]) =>
  cameras.filter((camera) => belongs({ name: 'g', ...rules }, camera));
const CAMERAS = ['Front door', 'front indoor', 'backyard', 'Garage'];

describe('a group', () => {
  it('without rules holds all', () => {
    expect(of({}, CAMERAS)).toEqual(CAMERAS);
  });

  it('takes names by a part of them, in upper or lower case', () => {
    expect(of({ contains: ['FRONT'] }, CAMERAS)).toEqual(['Front door', 'front indoor']);
  });

  it('adds cameras by name, exactly', () => {
    expect(of({ contains: ['front'], in: ['backyard'] }, CAMERAS)).toEqual([
      'Front door',
      'front indoor',
      'backyard',
    ]);
    expect(of({ in: ['garage'] }, CAMERAS)).toEqual([]);
  });

  it('leaves out last, also what is named', () => {
    expect(of({ not_contains: ['indoor'] }, CAMERAS)).toEqual(['Front door', 'backyard', 'Garage']);
    expect(of({ in: ['backyard'], not_contains: ['back'] }, CAMERAS)).toEqual([]);
  });

  it('is the same with rules left out or empty', () => {
    expect(isSame({ name: 'a' }, emptyGroup('a'))).toBe(true);
    expect(isSame({ name: 'a' }, { name: 'a', in: ['x'] })).toBe(false);
  });
});

describe('one group’s change', () => {
  const [a, b] = [emptyGroup('a'), emptyGroup('b')];
  const changed = { ...a, contains: ['x'] };

  it('leaves what others did to the rest', () => {
    expect(replaced([b, a], a, changed)).toEqual([b, changed]);
    expect(replaced([b], null, a)).toEqual([b, a]);
    expect(replaced([b, a], a, null)).toEqual([b]);
    expect(replaced([b], a, null)).toEqual([b]); // gone already
  });

  it('is refused where somebody changed the same one', () => {
    expect(() => replaced([{ ...a, in: ['y'] }], a, changed)).toThrow(/Somebody else/);
    expect(() => replaced([b], a, changed)).toThrow(/Somebody else/);
    expect(() => replaced([{ ...a, in: ['y'] }], a, null)).toThrow(/Somebody else/);
  });
});
