import { describe, expect, it } from 'vitest';
import { anEvent } from '../testing/events';
import { Standing } from './standing';

describe('what was just changed', () => {
  const event = anEvent('a', 1_000);

  it('stands over answers that were asked for before the server had it, and over no later one', () => {
    const standing = new Standing();
    standing.begin('viewed', 'a', true);
    expect(standing.over(event, 10).viewed).toBe(true);
    standing.settle('viewed', 'a', true, 20);
    expect(standing.over(event, 19).viewed).toBe(true);
    expect(standing.over(event, 20)).toBe(event);
  });

  it('is one thing a field and an event', () => {
    const standing = new Standing();
    standing.begin('protected', 'a', true);
    standing.begin('note', 'a', 'the van');
    expect(standing.over(event, 1)).toEqual({ ...event, protected: true, note: 'the van' });
    expect(standing.over(anEvent('b', 2_000), 1).protected).toBe(false);
  });

  it('goes back to what the server has where it was refused', () => {
    const standing = new Standing();
    standing.begin('note', 'a', 'new');
    standing.settle('note', 'a', null, 20);
    expect(standing.over({ ...event, note: 'of an answer under way' }, 10).note).toBe(null);
  });

  it('is forgotten for another person, and when no answer can be older', () => {
    const standing = new Standing();
    standing.settle('viewed', 'a', true, performance.now() - 61_000);
    standing.begin('viewed', 'b', true);
    expect(standing.over(event, -Infinity)).toBe(event);
    standing.clear();
    expect(standing.over({ ...event, id: 'b' }, 0).viewed).toBe(false);
  });
});
