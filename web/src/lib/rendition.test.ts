import { describe, expect, it } from 'vitest';
import { available, urlOf } from './rendition';
import { anEvent } from './testing/events';

const event = anEvent('e', 0, { media_url: 'full.mp4', small_url: 'small.mp4' });
const hevc = { ...event, video_codec: 'hevc', h264_url: 'h264.mp4' };
const noHevc = (codec: string | null | undefined) => codec !== 'hevc';

describe('what is played', () => {
  it('is the wanted one, with the other behind it', () => {
    expect(available(event, false)).toEqual(['full', 'small']);
    expect(available(event, true)).toEqual(['small', 'full']);
  });

  it('is the small one where browsers can’t open the other', () => {
    expect(available({ ...event, playable: false }, false)).toEqual(['small']);
    expect(available({ ...event, playable: false, small_url: null }, true)).toEqual([]);
  });

  it('is the copy where this browser has no decoder, before the small one unless that is wanted', () => {
    expect(available(hevc, false, noHevc)).toEqual(['h264', 'small']);
    expect(available(hevc, true, noHevc)).toEqual(['small', 'h264']);
    expect(available(hevc, false, () => true)).toEqual(['full', 'h264', 'small']);
    expect(available({ ...hevc, h264_url: null, small_url: null }, false, noHevc)).toEqual([]);
  });

  it('is never a link that isn’t there', () => {
    expect(available({ ...event, small_url: null }, true)).toEqual(['full']);
    expect(urlOf({ ...event, small_url: null }, 'small')).toBe('full.mp4');
    expect(urlOf(event, 'small')).toBe('small.mp4');
    expect(urlOf(event, 'h264')).toBe('full.mp4');
    expect(urlOf(hevc, 'h264')).toBe('h264.mp4');
  });
});
