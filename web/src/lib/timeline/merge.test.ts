import { describe, expect, it } from 'vitest';
import type { Event } from '../api/types';
import { matches, parseFilters } from '../filters';
import { anEvent } from '../testing/events';
import { flatten, mapEvents, mergeHead, newIn, remove, upsert, type Pages } from './merge';

const ALL = () => true;
const page = (items: Event[], next: string | null) => ({ items, next_cursor: next });
const pages = (...list: ReturnType<typeof page>[]): Pages => ({
  pages: list,
  pageParams: list.map((_, i) => (i === 0 ? undefined : `c${i}`)),
});
const ids = (data: Pages | undefined) => flatten(data).map(({ id }) => id);
const [e1, e2, e3, e4, e5] = [1, 2, 3, 4, 5].map((n) => anEvent(`e${n}`, n * 1000)) as [
  Event,
  Event,
  Event,
  Event,
  Event,
];

describe('the list', () => {
  it('NEVER-21: shows an event once, even where pages overlap', () => {
    expect(ids(pages(page([e4, e3], 'c1'), page([e3, e2], null)))).toEqual(['e4', 'e3', 'e2']);
    expect(ids(undefined)).toEqual([]);
  });

  it('takes a live event in at its own time, not at the top', () => {
    const data = pages(page([e5, e3], 'c1'), page([e1], null));
    expect(ids(upsert(data, e4, ALL))).toEqual(['e5', 'e4', 'e3', 'e1']);
    expect(ids(upsert(data, e2, ALL))).toEqual(['e5', 'e3', 'e2', 'e1']);
  });

  it('NEVER-1: keeps both of two events in one millisecond', () => {
    const twin = anEvent('twin', 3000);
    const data = upsert(pages(page([e3], null)), twin, ALL);
    expect(ids(data)).toEqual(['twin', 'e3']); // as the ids sort, whichever came first
    expect(ids(upsert(pages(page([twin], null)), e3, ALL))).toEqual(['twin', 'e3']);
    expect(ids(upsert(data, twin, ALL))).toHaveLength(2);
  });

  it('NEVER-4: told twice, shows once', () => {
    const data = pages(page([e2], null));
    expect(ids(upsert(upsert(data, e3, ALL), e3, ALL))).toEqual(['e3', 'e2']);
  });

  it('leaves to a later page what lies beyond the loaded ones', () => {
    const data = pages(page([e5, e4], 'c1'));
    expect(upsert(data, e1, ALL)).toBe(data);
    expect(ids(upsert(pages(page([e5], null)), e1, ALL))).toEqual(['e5', 'e1']);
    expect(ids(upsert(pages(page([], null)), e1, ALL))).toEqual(['e1']);
  });

  it('replaces a changed event, and moves it when its time was corrected', () => {
    const data = pages(page([e4, e3, e2], null));
    const noted = { ...e3, note: 'fox' };
    expect(flatten(upsert(data, noted, ALL))[1]?.note).toBe('fox');
    expect(ids(upsert(data, { ...e2, event_ts: 9000 }, ALL))).toEqual(['e2', 'e4', 'e3']);
  });

  it('drops what no longer matches the filters', () => {
    const data = pages(page([e4, e3], null));
    const clips = parseFilters('?kind=record');
    const still = { ...e3, kind: 'snap' as const };
    expect(ids(upsert(data, still, (event) => matches(clips, event)))).toEqual(['e4']);
  });

  it('removes, and does not mind what isn’t there', () => {
    const data = pages(page([e4, e3], 'c1'), page([e2], null));
    expect(ids(remove(data, 'e2'))).toEqual(['e4', 'e3']);
    expect(remove(data, 'nobody')).toBe(data);
  });

  it('never changes the data in place', () => {
    const data = Object.freeze(pages(Object.freeze(page(Object.freeze([e3]) as Event[], null))));
    upsert(data, e4, ALL);
    remove(data, 'e3');
    mergeHead(data, page([e4, e3], 'c'), ALL);
    expect(ids(data)).toEqual(['e3']);
  });
});

describe('catching up after a gap in the live stream', () => {
  const data = pages(page([e3, e2], 'c1'), page([e1], null));

  it('adds what came meanwhile and keeps older pages', () => {
    const head = page([e5, e4, e3], 'x');
    expect(newIn(data, head).map(({ id }) => id)).toEqual(['e5', 'e4']);
    expect(ids(mergeHead(data, head, ALL))).toEqual(['e5', 'e4', 'e3', 'e2', 'e1']);
  });

  it('takes out what was deleted meanwhile, as far as the head reaches', () => {
    expect(ids(mergeHead(data, page([e4, e2], 'x'), ALL))).toEqual(['e4', 'e2', 'e1']);
  });

  it('starts anew where the head no longer meets the list', () => {
    const merged = mergeHead(data, page([e5, e4], 'x'), ALL);
    expect(ids(merged)).toEqual(['e5', 'e4']);
    expect(merged.pages.at(-1)?.next_cursor).toBe('x');
  });

  it('believes a head that is the whole list', () => {
    expect(ids(mergeHead(data, page([e3], null), ALL))).toEqual(['e3']);
    expect(ids(mergeHead(pages(page([], null)), page([e3], null), ALL))).toEqual(['e3']);
    expect(ids(mergeHead(pages(page([], null)), page([e3], 'x'), ALL))).toEqual(['e3']);
  });

  it('keeps what a person viewed when a message doesn’t tell', () => {
    const data = pages(page([e4, { ...e3, viewed: true }], null));
    const changed = upsert(data, { ...e3, viewed: null, protected: true }, ALL);
    expect(flatten(changed)[1]).toMatchObject({ id: 'e3', viewed: true, protected: true });
    const moved = upsert(data, { ...e3, viewed: null, event_ts: 9000 }, ALL);
    expect(flatten(moved)[0]).toMatchObject({ id: 'e3', viewed: true });
  });

  it('changes events where they stand, and nothing where nothing changes', () => {
    const data = pages(page([e4], 'c1'), page([e3], null));
    const marked = mapEvents(data, (e) => (e.id === 'e3' ? { ...e, viewed: true } : e));
    expect(flatten(marked).map(({ viewed }) => viewed)).toEqual([false, true]);
    expect(marked.pages[0]).toBe(data.pages[0]);
    expect(mapEvents(data, (e) => e)).toBe(data);
  });
});
