import { describe, expect, it } from 'vitest';
import { anEvent } from '../testing/events';
import { anchorAt, groupByDay, layOut, measure, rowOf, visible } from './layout';
import { loaded, Room } from './pages';

const HOUR = 3_600_000;
const NOON = Date.parse('2026-11-24T19:00:00Z'); // 12:00 at UTC−7

describe('grouping', () => {
  it('is by the day that the server states, newest first', () => {
    const days = groupByDay([
      anEvent('a', NOON),
      anEvent('b', NOON - 13 * HOUR),
      anEvent('c', NOON - 14 * HOUR),
    ]);
    expect(days.map(({ date, events }) => [date, events.length])).toEqual([
      ['2026-11-24', 1],
      ['2026-11-23', 2],
    ]);
    expect(days[0]?.offsetMinutes).toBe(-420);
  });

  it('keeps one group a day where cameras in several zones meet at midnight', () => {
    const days = groupByDay([
      anEvent('denver', 3, { capture_date: '2026-11-24' }),
      anEvent('la', 2, { capture_date: '2026-11-23' }),
      anEvent('denver2', 1, { capture_date: '2026-11-24' }),
    ]);
    expect(days.map(({ date, events }) => [date, loaded(events).map(({ id }) => id)])).toEqual([
      ['2026-11-24', ['denver', 'denver2']],
      ['2026-11-23', ['la']],
    ]);
  });
});

describe('a page that was let go of', () => {
  const list = [
    anEvent('a', NOON),
    new Room(1, '2026-11-24', -420, 3),
    new Room(1, '2026-11-23', -420, 4),
    anEvent('b', NOON - 60 * HOUR),
  ];
  const layout = layOut(groupByDay(list), { ...measure({ width: 351, remPx: 16 }), columns: 2 });

  it('keeps its room: a place for each, on its day', () => {
    expect(layout.days.map(({ date, rows, events }) => [date, events.length, rows])).toEqual([
      ['2026-11-24', 4, 2],
      ['2026-11-23', 4, 2],
      ['2026-11-22', 1, 1],
    ]);
  });

  it('is passed over where the reader’s place is held', () => {
    const last = rowOf(layout, 'b');
    expect(anchorAt(layout, (last?.top ?? 0) - layout.metrics.rowHeight)).toEqual({
      id: 'b',
      top: last?.top,
    });
    expect(anchorAt(layout, 0)?.id).toBe('a');
    expect(rowOf(layout, 'gone')).toBeNull();
  });
});

describe('layout', () => {
  const many = Array.from({ length: 100_000 }, (_, i) => anEvent(`e${i}`, NOON - i * 60_000));
  const layout = layOut(groupByDay(many), measure({ width: 1376, remPx: 16 }));

  it('fits columns to the width, two on a phone', () => {
    expect(measure({ width: 351, remPx: 16 }).columns).toBe(2);
    expect(measure({ width: 700, remPx: 16 }).columns).toBe(3);
    expect(measure({ width: 1304, remPx: 16 }).columns).toBe(5);
    // Twice the text size, half the columns: reading comes before fitting.
    expect(measure({ width: 1304, remPx: 32 }).columns).toBe(2);
  });

  it('puts days under each other without gap or overlap', () => {
    let bottom = 0;
    for (const day of layout.days) {
      expect(day.top).toBeCloseTo(bottom);
      bottom += day.height;
    }
    expect(layout.height).toBeCloseTo(bottom);
  });

  it('draws a screenful anywhere in 100,000 events, all of it and little more', () => {
    for (const share of [0, 0.31, 0.5, 0.99]) {
      const from = layout.height * share;
      const drawn = visible(layout, from, from + 900).flatMap(({ events }) => events);
      expect(drawn.length).toBeGreaterThan(0);
      expect(drawn.length).toBeLessThan(60);
    }
    expect(visible(layout, layout.height + 10, layout.height + 500)).toEqual([]);
  });

  it('finds an event again, and what is at the top of the screen', () => {
    const row = rowOf(layout, 'e777');
    expect(row).not.toBeNull();
    const there = visible(layout, row?.top ?? 0, (row?.top ?? 0) + 1).flatMap(
      (part) => part.events,
    );
    expect(loaded(there).map(({ id }) => id)).toContain('e777');
    expect(anchorAt(layout, row?.top ?? 0)?.top).toBe(row?.top);
    expect(rowOf(layout, 'nobody')).toBeNull();
    expect(anchorAt(layOut([], layout.metrics), 0)).toBeNull();
  });
});
