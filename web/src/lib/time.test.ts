import { describe, expect, it } from 'vitest';
import {
  ago,
  clipLength,
  clockTime,
  dateAtOffset,
  dayLabel,
  foreignOffset,
  fullTime,
  headingOf,
  hourLabel,
  offsetLabel,
  parseWallTime,
  span,
} from './time';

describe('the camera’s wall clock', () => {
  it('is the text of captured_at, whatever zone the reader is in', () => {
    expect(clockTime('2016-08-30T15:29:54.194-07:00', 'en-GB')).toBe('15:29:54');
    expect(clockTime('2016-08-30T15:29:54-07:00', 'en-US')).toBe('3:29:54 PM');
    expect(fullTime('2016-08-30T15:29:54-07:00', 'en-GB')).toContain('30 August 2016');
    expect(hourLabel('2016-08-30T00:29:54-07:00', 'en-GB')).toBe('00');
  });

  it('heads a page with the camera’s day and time, and with nothing where there is none', () => {
    const now = Date.parse('2016-08-31T05:00:00Z'); // still the 30th at the camera
    const today = headingOf('2016-08-30T15:29:54.194-07:00', now);
    expect(today).toEqual({ day: 'Today', time: clockTime('2016-08-30T15:29:54-07:00') });
    expect(headingOf('2016-08-29T23:59:59-07:00', now).day).toBe('Yesterday');
    expect(headingOf('2016-08-24T12:00:00-07:00', now).day).toContain('24');
    expect(headingOf(undefined, now)).toEqual({ day: '', time: '' });
    expect(headingOf('soon', now)).toEqual({ day: '', time: '' });
  });

  it('tells the two passes of a repeated autumn hour apart', () => {
    const summer = parseWallTime('2026-11-01T01:30:00-06:00');
    const winter = parseWallTime('2026-11-01T01:30:00-07:00');
    expect(summer?.wallMs).toBe(winter?.wallMs);
    expect(summer?.offsetMinutes).toBe(-360);
    expect(winter?.offsetMinutes).toBe(-420);
  });

  it('reads Z, half hours and fractions, and gives nonsense back as it came', () => {
    expect(parseWallTime('2026-01-02T03:04:05Z')?.offsetMinutes).toBe(0);
    expect(parseWallTime('2026-01-02T03:04:05.5+05:30')?.offsetMinutes).toBe(330);
    expect(parseWallTime('yesterday')).toBeNull();
    expect(clockTime('yesterday')).toBe('yesterday');
  });

  it('shows the offset only where the reader’s clock differs (tests run in UTC+5:30)', () => {
    expect(foreignOffset('2026-01-02T03:04:05+05:30')).toBeNull();
    expect(foreignOffset('2026-01-02T03:04:05-07:00')).toBe('UTC−7');
    expect(offsetLabel(330)).toBe('UTC+5:30');
    expect(offsetLabel(0)).toBe('UTC');
  });
});

describe('days', () => {
  it('NEVER-23: today is the camera’s day, not UTC’s', () => {
    const now = Date.parse('2026-11-24T03:00:00Z');
    expect(dateAtOffset(now, -480)).toBe('2026-11-23');
    expect(dateAtOffset(now, 0)).toBe('2026-11-24');
  });

  it('are named near today, and carry a year when it is another', () => {
    expect(dayLabel('2026-11-24', '2026-11-24', 'en-GB').near).toBe('Today');
    expect(dayLabel('2026-11-23', '2026-11-24', 'en-GB').near).toBe('Yesterday');
    expect(dayLabel('2026-10-31', '2026-11-24', 'en-GB')).toEqual({
      near: null,
      day: 'Saturday 31 October',
    });
    expect(dayLabel('2016-08-30', '2026-11-24', 'en-GB').day).toMatch(/^Tuesday,? 30 August 2016$/);
    expect(dayLabel('2026-01-01', '2025-12-31', 'en-GB').near).toBeNull();
  });
});

describe('lengths of time', () => {
  it.each([
    [0, '0:00'],
    [12_400, '0:12'],
    [59_600, '1:00'],
    [3_723_000, '1:02:03'],
  ])('a clip of %i ms reads %s', (ms, text) => expect(clipLength(ms)).toBe(text));

  it.each([
    [200, '0 s'],
    [700, '1 s'],
    [3_000, '3 s'],
    [-125_000, '2 min 5 s'],
    [59_700, '1 min'],
    [11_400_000, '3 h 10 min'],
    [90_000_000, '1 d 1 h'],
    [41 * 86_400_000 + 5_000_000, '41 d'],
    [400 * 86_400_000, '1 y 35 d'],
    [3737 * 86_400_000, '10 y'],
  ])('%i ms reads %s', (ms, text) => expect(span(ms)).toBe(text));

  it('ago names the largest unit', () => {
    expect(ago(1_000_000, 1_000_500)).toBe('just now');
    expect(ago(5_000_000, 1_000_000)).toBe('just now'); // a clock ahead of ours
    expect(ago(0, 45_000)).toBe('45 s ago');
    expect(ago(0, 3 * 3_600_000 + 1)).toBe('3 h ago');
  });
});
