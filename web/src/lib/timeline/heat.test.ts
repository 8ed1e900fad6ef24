import { describe, expect, it } from 'vitest';
import { atOf, byDay, byHour, keyed, momentOf, months, placeOf, strength, stretch } from './heat';

const count = (date: string, hour: number | null, records: number, snaps = 0) => ({
  date,
  hour,
  records,
  snaps,
  bytes: 0,
});

describe('the stretch', () => {
  it('is four weeks where little is kept, a year where much is', () => {
    expect(stretch([], '2026-03-01')).toEqual({ from: '2026-02-02', days: 28 });
    expect(stretch([count('2025-12-31', null, 1)], '2026-03-01')).toEqual({
      from: '2025-12-31',
      days: 61,
    });
    expect(stretch([count('2016-08-30', null, 1)], '2026-03-01').days).toBe(366);
  });
});

describe('counts', () => {
  const within = { from: '2026-02-02', days: 28 };
  it('stand at their places, and those outside nowhere', () => {
    const hours = byHour(within, [
      count('2026-02-02', 0, 1, 2),
      count('2026-03-01', 23, 4),
      count('2026-03-02', 0, 9),
      count('2026-02-01', 5, 9),
    ]);
    expect(hours[0]).toBe(3);
    expect(hours.at(-1)).toBe(4);
    expect(hours.reduce((a, b) => a + b)).toBe(7);
    expect(byDay(within, [count('2026-02-03', null, 2, 1)])[1]).toBe(3);
  });
  it('are seen beside one that is far larger', () => {
    expect(strength(0, 1000)).toBe(0);
    expect(strength(1, 1000)).toBeGreaterThan(0.1);
    expect(strength(1000, 1000)).toBe(1);
  });
});

describe('places', () => {
  const within = { from: '2026-01-31', days: 60 };
  it('are moments and back', () => {
    const place = placeOf(within, '2026-02-28', 7);
    expect(momentOf(within, place)).toEqual({ date: '2026-02-28', hour: 7 });
    expect(atOf(within, place)).toBe('2026-02-28T07');
    expect(placeOf(within, '2020-01-01', 0)).toBe(0);
    expect(placeOf(within, '2030-01-01', 0)).toBe(60 * 24 - 1);
  });
  it('move by keys: days, hours, months that are shorter, ends', () => {
    expect(keyed(within, 30, 'ArrowRight')).toBe(54);
    expect(keyed(within, 3, 'ArrowLeft')).toBe(0);
    expect(keyed(within, 30, 'ArrowUp')).toBe(31);
    expect(atOf(within, keyed(within, 9, 'PageUp') ?? -1)).toBe('2026-02-28T09');
    expect(keyed(within, 9, 'End')).toBe(1439);
    expect(keyed(within, 9, 'Tab')).toBeNull();
  });
  it('know where months begin', () => {
    expect(months(within).map(({ date }) => date)).toEqual(['2026-02-01', '2026-03-01']);
  });
});
