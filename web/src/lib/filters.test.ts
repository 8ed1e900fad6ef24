import { describe, expect, it } from 'vitest';
import {
  filtersKey,
  filtersToSearch,
  matches,
  NO_FILTERS,
  parseFilters,
  toggleCamera,
} from './filters';
import { anEvent } from './testing/events';

describe('filters in the URL', () => {
  it('survive the way there and back, with any camera name', () => {
    const filters = {
      cameras: ['Hof #2 + Tür', 'a&b=c', 'x'],
      group: 'Front & yard',
      kind: 'snap' as const,
      date: '2026-11-01',
      unviewed: true,
      protected: true,
    };
    expect(parseFilters(filtersToSearch(filters))).toEqual(filters);
  });

  it('are the same in any order and with repeats', () => {
    const one = parseFilters('?camera=b&camera=a&camera=b');
    expect(one.cameras).toEqual(['a', 'b']);
    expect(filtersKey(one)).toBe(filtersKey(parseFilters('?camera=a&camera=b')));
  });

  it('leave out what is not understood', () => {
    expect(parseFilters('?kind=movie&date=2026-02-30&camera=&x=1')).toEqual(NO_FILTERS);
    expect(parseFilters('?date=2026-2-3').date).toBeNull();
    expect(parseFilters('?date=2028-02-29').date).toBe('2028-02-29');
    expect(filtersToSearch(NO_FILTERS)).toBe('');
  });

  it('toggle one camera at a time', () => {
    const one = toggleCamera(NO_FILTERS, 'b');
    expect(toggleCamera(one, 'a').cameras).toEqual(['a', 'b']);
    expect(toggleCamera(one, 'b').cameras).toEqual([]);
  });

  it('say which live events belong to the view', () => {
    const event = anEvent('1', Date.parse('2026-11-24T03:00:00Z'));
    expect(matches(NO_FILTERS, event)).toBe(true);
    expect(matches(parseFilters('?camera=garage'), event)).toBe(false);
    expect(matches(parseFilters('?kind=snap'), event)).toBe(false);
    // 03:00 UTC is still the evening before on that camera's wall.
    expect(matches(parseFilters('?date=2026-11-23'), event)).toBe(true);
    expect(matches(parseFilters('?date=2026-11-24'), event)).toBe(false);
  });

  it('tell a group’s cameras once the groups are known', () => {
    const event = anEvent('1', 0, { camera_name: 'front door' });
    const filters = parseFilters('?group=Front');
    const groups = [{ name: 'Front', contains: ['front'] }];
    expect(matches(filters, event, groups)).toBe(true);
    expect(matches(filters, { ...event, camera_name: 'yard' }, groups)).toBe(false);
    expect(matches(filters, event)).toBe(false);
    expect(matches(parseFilters('?group=gone'), event, groups)).toBe(false);
  });

  it('keep what has just been viewed, and let go of what is no longer protected', () => {
    const event = anEvent('1', 0, { viewed: true, protected: false });
    expect(matches(parseFilters('?unviewed=true'), event)).toBe(true);
    expect(matches(parseFilters('?protected=true'), event)).toBe(false);
    expect(matches(parseFilters('?protected=true'), { ...event, protected: true })).toBe(true);
  });
});
