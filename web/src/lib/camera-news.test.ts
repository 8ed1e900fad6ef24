import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Camera } from './api/types';
import { CameraNews, withCamera } from './camera-news';

const camera = (name: string, silent: boolean) => ({ name, silent }) as Camera;
const known = [camera('gate', true), camera('pond', false)];

describe('a camera that is heard', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is asked for at once if it was silent or nobody knew it', () => {
    const ask = vi.fn();
    const news = new CameraNews(() => known, ask);
    news.heard('gate');
    expect(ask).toHaveBeenCalledTimes(1);
    news.heard('cellar');
    expect(ask).toHaveBeenCalledTimes(2);
  });

  it('is asked for once in a while if it is heard all the time', () => {
    const ask = vi.fn();
    const news = new CameraNews(() => known, ask);
    for (let n = 0; n < 50; n += 1) news.heard('pond');
    expect(ask).not.toHaveBeenCalled();
    vi.advanceTimersByTime(60_000);
    expect(ask).toHaveBeenCalledTimes(1);
    news.heard('pond');
    news.stop();
    vi.advanceTimersByTime(60_000);
    expect(ask).toHaveBeenCalledTimes(1);
  });

  it('takes its place in the list as the server tells it', () => {
    const names = (list: Camera[]) => list.map(({ name, silent }) => `${name} ${silent}`);
    expect(names(withCamera(known, camera('gate', false)))).toEqual(['gate false', 'pond false']);
    expect(names(withCamera(known, camera('hall', false)))).toEqual([
      'gate true',
      'pond false',
      'hall false',
    ]);
  });
});
