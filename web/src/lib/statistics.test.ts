import { describe, expect, it } from 'vitest';
import { cameraMonth, daily, growth, LIST_PRICES, ofTheDay } from './statistics';

const count = (date: string, hour: number | null, records: number, bytes = 0) => ({
  date,
  hour,
  records,
  snaps: 0,
  bytes,
});

describe('sums', () => {
  it('have every day, also still ones, and the newest of many', () => {
    const counts = [count('2026-03-01', null, 2), count('2026-02-26', null, 1)];
    const values = daily(counts, '2026-03-02', 366, (_, it) => it?.records ?? 0);
    expect(values).toEqual([1, 0, 0, 2, 0]);
    expect(daily(counts, '2026-03-02', 2, (date) => date)).toEqual(['2026-03-01', '2026-03-02']);
  });
  it('add up hours and bytes', () => {
    expect(ofTheDay([count('2026-03-01', 5, 2), count('2026-03-02', 5, 3)])[5]).toBe(5);
    expect(growth([1, 0, 4])).toEqual([1, 1, 5]);
  });
});

describe('the cost of a camera-month', () => {
  it('is storage of what is kept, and the writes', () => {
    const use = { bytes: 20e9, captures: 2_000, cameras: 2, days: 10 };
    const cost = cameraMonth(use, { ...LIST_PRICES, days: 90 });
    expect(cost?.gbPerCameraDay).toBeCloseTo(1);
    expect(cost?.storage).toBeCloseTo(90 * 0.023);
    expect(cost?.writes).toBeCloseTo(((100 * 3 * 30.4) / 1000) * 0.005);
    expect(cost?.total).toBeCloseTo((cost?.storage ?? 0) + (cost?.writes ?? 0));
  });
  it('is unknown where nothing was captured', () => {
    expect(cameraMonth({ bytes: 0, captures: 0, cameras: 3, days: 10 }, LIST_PRICES)).toBeNull();
  });
});
