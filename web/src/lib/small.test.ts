/** The modules that are too small for a test file each. */
import { describe, expect, it, vi } from 'vitest';
import {
  ApiError,
  isWorthRetrying,
  retryAfterSeconds,
  toApiError,
  Unreachable,
} from './api/problem';
import { byteSize, cameraHue, clockVerdict } from './format';
import { ftpPort, isLocalName, listensHereOnly } from './ftp-address';
import { goingOn, parseLive, pollMs } from './live.svelte';
import { isOurs, judge } from './swipe';
import { anEvent } from './testing/events';
import { following } from './timeline/following';
import { WantedStep } from './wanted-step.svelte';

describe('a live stream that is opened anew', () => {
  it('goes on from the last message', () => {
    expect(goingOn('/cams/api/v1/live', '')).toBe('/cams/api/v1/live');
    expect(goingOn('/cams/api/v1/live', '42')).toBe('/cams/api/v1/live?last_event_id=42');
  });
});

describe('a step that was asked for too early', () => {
  it('is made from where it was asked for, and not much later', () => {
    vi.useFakeTimers();
    const wanted = new WantedStep();
    wanted.keep('here', 1);
    expect([wanted.from('here'), wanted.from('elsewhere')]).toEqual([1, null]);
    vi.advanceTimersByTime(60_000);
    expect(wanted.from('here')).toBeNull();
    wanted.keep('here', -1);
    wanted.drop();
    expect(wanted.from('here')).toBeNull();
    vi.useRealTimers();
  });
});

describe('problems', () => {
  it('are read from RFC 9457 documents, and from a proxy’s HTML', () => {
    const response = new Response(null, { status: 429, headers: { 'Retry-After': '12' } });
    const error = toApiError(response, { title: 'Slow down', detail: null });
    expect([error.status, error.title, error.retryAfterSeconds]).toEqual([429, 'Slow down', 12]);
    expect(toApiError(new Response(null, { status: 502 }), '<html>').title).toBe('Error 502');
  });

  it('retry only what may get better', () => {
    expect(isWorthRetrying(new Unreachable())).toBe(true);
    expect(isWorthRetrying(new ApiError(503, '', null, null))).toBe(true);
    expect(isWorthRetrying(new ApiError(404, '', null, null))).toBe(false);
  });

  it('wait as long as they are told, in either form', () => {
    expect(retryAfterSeconds('0.2', 0)).toBe(1);
    expect(retryAfterSeconds('Thu, 01 Jan 1970 00:00:30 GMT', 10_000)).toBe(20);
    expect(retryAfterSeconds('soon', 0)).toBeNull();
    expect(retryAfterSeconds(null, 0)).toBeNull();
  });
});

describe('live messages', () => {
  it('say how often to ask, where the server can’t stream', () => {
    expect(pollMs('{"seq":7,"poll_ms":5000}')).toBe(5000);
    for (const data of ['{"seq":7}', '{"poll_ms":"soon"}', '{"poll_ms":0}', 'null', '']) {
      expect(pollMs(data)).toBeNull();
    }
  });

  const event = anEvent('a', 1);
  it('are taken when they are whole', () => {
    expect(parseLive('new', JSON.stringify({ id: 'a', event }))).toEqual({
      type: 'new',
      id: 'a',
      event,
    });
    expect(parseLive('removed', '{"id":"a","event":null}')).toEqual({ type: 'removed', id: 'a' });
  });
  it.each(['', 'null', '[]', '{"event":null}', '{"id":"a","event":null}'])(
    'and left alone when they are not: %s',
    (data) => expect(parseLive('new', data)).toBeNull(),
  );
});

describe('neighbours of an event opened by its link', () => {
  const list = [anEvent('c', 3000), anEvent('b1', 2000), anEvent('b2', 2000), anEvent('a', 1000)];
  it('follow it in the server’s order, also within one millisecond', () => {
    expect(following(list, anEvent('b1', 2000))?.id).toBe('b2');
    expect(following(list, anEvent('b2', 2000))?.id).toBe('a');
    expect(following(list, anEvent('a', 1000))).toBeNull();
  });
  it('are found when the filter hides the event itself', () => {
    expect(following([anEvent('a', 1000)], anEvent('hidden', 2000))?.id).toBe('a');
  });
});

describe('texts', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [54_602, '54.6 kB'],
    [3_885_542, '3.9 MB'],
    [999_960, '1.0 MB'],
    [123_456_789_000, '123 GB'],
  ])('%i bytes read %s', (bytes, text) => expect(byteSize(bytes)).toBe(text));

  it('say how wrong a clock is', () => {
    expect(clockVerdict(null)).toEqual({ text: 'looks right', wrong: false });
    expect(clockVerdict(900)).toEqual({ text: 'right', wrong: false });
    expect(clockVerdict(-3_000)).toEqual({ text: '3 s slow', wrong: false });
    expect(clockVerdict(123_000)).toEqual({ text: '2 min 3 s fast', wrong: true });
  });

  it('give a camera one colour for good', () => {
    expect(cameraHue('backyard')).toBe(cameraHue('backyard'));
    expect(cameraHue('backyard')).not.toBe(cameraHue('garage'));
  });

  it('read the FTP address', () => {
    expect(ftpPort('0.0.0.0:2121')).toBe('2121');
    expect(ftpPort('[::]:21')).toBe('21');
    expect(listensHereOnly('127.0.0.1:2121')).toBe(true);
    expect(listensHereOnly('0.0.0.0:2121')).toBe(false);
    expect(isLocalName('localhost')).toBe(true);
    expect(isLocalName('nas.lan')).toBe(false);
  });
});

describe('swipes', () => {
  it('are sideways, far and quick', () => {
    expect(judge({ dx: -120, dy: 20, ms: 200 })).toBe('left');
    expect(judge({ dx: 120, dy: 20, ms: 200 })).toBe('right');
    expect(judge({ dx: 120, dy: 100, ms: 200 })).toBeNull();
    expect(judge({ dx: 20, dy: 0, ms: 100 })).toBeNull();
    expect(judge({ dx: 200, dy: 0, ms: 2_000 })).toBeNull();
  });

  it('are taken from the browser as soon as they are told, and scrolls are not', () => {
    expect(isOurs({ dx: -12, dy: 3 })).toBe(true);
    expect(isOurs({ dx: 12, dy: 10 })).toBe(false);
    expect(isOurs({ dx: 4, dy: 0 })).toBe(false);
  });
});
