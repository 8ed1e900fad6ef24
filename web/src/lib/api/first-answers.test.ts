import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const ROOT = 'http://box/cams';
const ask = (call: string, init?: RequestInit) => new Request(`${ROOT}${call}`, init);

/** As a page that came with these. */
async function page(told: string) {
  vi.resetModules();
  const remove = vi.fn();
  vi.stubGlobal('document', { getElementById: () => ({ textContent: told, remove }) });
  const { firstAnswer } = await import('./first-answers');
  return { remove, answer: (request: Request) => firstAnswer(request, ROOT) };
}

describe('answers that came with the page', () => {
  beforeEach(() => void vi.spyOn(performance, 'now').mockReturnValue(500));
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  const TOLD = JSON.stringify({ '/api/v1/session': { username: 'ann' }, '/api/v1/groups': {} });

  it('are good once, and gone from the page', async () => {
    const { answer, remove } = await page(TOLD);
    expect(await answer(ask('/api/v1/session'))?.json()).toEqual({ username: 'ann' });
    expect(answer(ask('/api/v1/session'))).toBeNull();
    expect(answer(ask('/api/v1/events?limit=100'))).toBeNull();
    expect(remove).toHaveBeenCalledOnce();
  });

  it('are worth nothing once something is changed: somebody else may sign in', async () => {
    const { answer } = await page(TOLD);
    expect(answer(ask('/api/v1/session', { method: 'DELETE' }))).toBeNull();
    expect(answer(ask('/api/v1/groups'))).toBeNull();
  });

  it('are for the first moments alone', async () => {
    const { answer } = await page(TOLD);
    vi.mocked(performance.now).mockReturnValue(20_001);
    expect(answer(ask('/api/v1/groups'))).toBeNull();
  });

  it('may be missing, or nonsense', async () => {
    for (const told of ['', '{"half']) {
      const { answer } = await page(told);
      expect(answer(ask('/api/v1/session'))).toBeNull();
    }
  });
});
