import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CountNews } from './count-news';

describe('counts are asked for again', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('once for what came and went within ten seconds, and not for the first "ready"', () => {
    const ask = vi.fn();
    const news = new CountNews(ask);
    news.take('ready');
    news.take('camera');
    vi.advanceTimersByTime(60_000);
    expect(ask).not.toHaveBeenCalled();
    for (const type of ['new', 'new', 'removed'] as const) news.take(type);
    vi.advanceTimersByTime(10_000);
    expect(ask).toHaveBeenCalledTimes(1);
    news.take('ready'); // the server was away
    vi.advanceTimersByTime(10_000);
    expect(ask).toHaveBeenCalledTimes(2);
    news.take('new');
    news.stop();
    vi.advanceTimersByTime(60_000);
    expect(ask).toHaveBeenCalledTimes(2);
  });
});
