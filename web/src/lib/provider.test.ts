import { describe, expect, it } from 'vitest';
import { explain, readOutcome, type Outcome } from './provider';

describe('the outcome in the address', () => {
  it('is taken out, and the rest stays as it was', () => {
    expect(readOutcome('?sign_in=denied')).toEqual({ outcome: 'denied', search: '' });
    expect(readOutcome('?camera=a%2Fb&sign_in=not_allowed&date=2026-01-01')).toEqual({
      outcome: 'not_allowed',
      search: '?camera=a%2Fb&date=2026-01-01',
    });
    expect(readOutcome('')).toEqual({ outcome: null, search: '' });
    expect(readOutcome('?camera=a')).toEqual({ outcome: null, search: '?camera=a' });
  });

  it('is one of ours, or nothing: nobody else puts words on the sign-in page', () => {
    expect(readOutcome('?sign_in=call%200900-123456')).toEqual({ outcome: null, search: '' });
  });

  it('is told in words', () => {
    const all: Outcome[] = ['denied', 'not_allowed', 'unverified', 'disabled', 'password'];
    for (const outcome of [...all, 'expired', 'failed', 'unavailable'] as Outcome[]) {
      expect(explain(outcome, 'Google')).toMatch(/\w{3,}.*\.$/);
    }
    expect(explain('ended', 'Google')).toBeNull();
  });
});
