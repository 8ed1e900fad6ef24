/** Which cameras a group holds: the server's rule, for previews and live news. Pure. */
import { Conflict } from './api/problem';
import type { Group } from './api/types';

/**
 * Those whose name has one of `contains` in it, or that are `in` it by name (with neither: all); but
 * none whose name has one of `not_contains` in it. Upper and lower case are the same, but for `in`.
 */
export function belongs(group: Group, camera: string): boolean {
  const name = camera.toLowerCase();
  const has = (words: string[] = []) => words.some((word) => name.includes(word.toLowerCase()));
  const { contains = [], not_contains = [], in: named = [] } = group;
  const isOpen = contains.length === 0 && named.length === 0;
  return (isOpen || has(contains) || named.includes(camera)) && !has(not_contains);
}

export const emptyGroup = (name = ''): Required<Group> => ({
  name,
  contains: [],
  not_contains: [],
  in: [],
});

export const isSame = (a: Group, b: Group): boolean =>
  JSON.stringify({ ...emptyGroup(), ...a }) === JSON.stringify({ ...emptyGroup(), ...b });

/**
 * All groups with one of them changed (`was` and `is`), added (no `was`) or taken away (no `is`).
 * Refuses where that one is no longer what the person saw.
 */
export function replaced(now: Group[], was: Group | null, is: Group | null): Group[] {
  if (was === null) return is === null ? now : [...now, is];
  const there = now.find(({ name }) => name === was.name);
  if (there === undefined && is === null) return now;
  if (there === undefined || !isSame(there, was)) {
    throw new Conflict(
      `Somebody else has changed “${was.name}” meanwhile. Cancel, look at it, and change it again.`,
    );
  }
  return now.flatMap((group) => (group !== there ? [group] : is === null ? [] : [is]));
}
