/** What is made because a person asks for it: copies and previews. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Wish } from './api/client';
import { ApiError, Unreachable } from './api/problem';
import { Copy } from './copy.svelte';
import { PreviewWishes } from './preview-wishes';
import { anEvent } from './testing/events';

const making = (state: 'queued' | 'running', ahead = 0): Wish => ({
  making: { state, ahead },
  againAfterSeconds: 5,
});
const refusal = (status: number, seconds: number | null = null) =>
  new ApiError(status, 'No', `why ${status}`, seconds);

describe('a copy', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is asked for until it is there, and tells where it stands', async () => {
    const made = { event: anEvent('a', 1, { h264_url: 'copy.mp4' }) };
    const post = vi
      .fn<() => Promise<Wish>>()
      .mockResolvedValueOnce(making('queued', 2))
      .mockResolvedValueOnce(making('running'))
      .mockResolvedValueOnce(made);
    const onThere = vi.fn();
    const copy = new Copy(post, onThere);
    const first = copy.ask();
    expect(copy.state).toEqual({ step: 'asking' });
    await first;
    expect(copy.state).toEqual({ step: 'queued', ahead: 2 });
    await vi.advanceTimersByTimeAsync(4_900);
    expect(post).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(copy.state).toEqual({ step: 'making' });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(onThere).toHaveBeenCalledWith(made.event);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(post).toHaveBeenCalledTimes(3);
  });

  it.each([
    [404, { step: 'gone' }],
    [422, { step: 'impossible', why: 'why 422' }],
    [501, { step: 'unable', why: 'why 501' }],
  ])('that is refused with %i is not asked for again', async (status, state) => {
    const post = vi.fn<() => Promise<Wish>>().mockRejectedValue(refusal(status));
    const copy = new Copy(post, vi.fn());
    await copy.ask();
    expect(copy.state).toEqual(state);
    expect(copy.waits).toBe(false);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(post).toHaveBeenCalledTimes(1);
  });

  it.each([
    [refusal(429, 7), 7_000, { step: 'later', why: 'why 429', yours: true }],
    [refusal(503, 20), 20_000, { step: 'later', why: 'why 503', yours: false }],
    [refusal(500), 10_000, { step: 'unreachable' }],
    [new Unreachable('away'), 10_000, { step: 'unreachable' }],
  ])('is asked for again when it may be: %s', async (error, waitMs, state) => {
    const post = vi.fn<() => Promise<Wish>>().mockRejectedValue(error);
    const copy = new Copy(post, vi.fn());
    await copy.ask();
    expect(copy.state).toEqual(state);
    await vi.advanceTimersByTimeAsync(waitMs - 1);
    expect(post).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(post).toHaveBeenCalledTimes(2);
    copy.stop();
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(post).toHaveBeenCalledTimes(2);
  });

  it('that nobody needs is said so', async () => {
    const copy = new Copy(() => Promise.resolve({ event: anEvent('a', 1) }), vi.fn());
    await copy.ask();
    expect(copy.state).toEqual({ step: 'unneeded' });
  });
});

describe('previews', () => {
  const preview = { url: 'p.jpg', frames: 4, columns: 4, rows: 1 };
  let now = 0;
  const wishes = (post: (id: string) => Promise<Wish>) => new PreviewWishes(post, () => now);

  it('are asked for a few at once', async () => {
    const post = vi.fn().mockResolvedValue(making('queued'));
    const all = wishes(post);
    for (const id of ['a', 'b', 'c']) expect(await all.ask(id)).toEqual({ againAfterMs: 5_000 });
    expect(await all.ask('d')).toEqual({ againAfterMs: 1_000 });
    expect(post).toHaveBeenCalledTimes(3);
    all.done('a');
    expect(await all.ask('d')).toEqual({ againAfterMs: 5_000 });
    expect(await all.ask('b')).toEqual({ againAfterMs: 5_000 }); // has its place already
    now += 31_000;
    expect(await all.ask('e')).toEqual({ againAfterMs: 5_000 }); // of the others nothing was heard
  });

  it('are taken when they are there', async () => {
    const event = anEvent('a', 1, { preview });
    expect(await wishes(() => Promise.resolve({ event })).ask('a')).toEqual({ event });
  });

  it.each([404, 422, 403])('that are refused with %i are let be', async (status) => {
    const post = vi.fn().mockRejectedValue(refusal(status));
    const all = wishes(post);
    expect(await all.ask('a')).toBe('never');
    expect(await all.ask('a')).toBe('never');
    expect(post).toHaveBeenCalledTimes(1);
    await all.ask('b');
    expect(post).toHaveBeenCalledTimes(2);
  });

  it('are let be where nothing makes them, and tried again much later', async () => {
    const post = vi.fn().mockRejectedValue(refusal(501));
    const all = wishes(post);
    expect(await all.ask('a')).toBe('never');
    expect(await all.ask('b')).toBe('never');
    expect(post).toHaveBeenCalledTimes(1);
    now += 11 * 60_000;
    await all.ask('b');
    expect(post).toHaveBeenCalledTimes(2);
  });

  it.each([refusal(429, 7), refusal(503, 7)])('all wait where there is no room', async (error) => {
    const post = vi.fn().mockRejectedValue(error);
    const all = wishes(post);
    expect(await all.ask('a')).toEqual({ againAfterMs: 7_000 });
    now += 2_000;
    expect(await all.ask('b')).toEqual({ againAfterMs: 5_000 });
    expect(post).toHaveBeenCalledTimes(1);
  });
});
