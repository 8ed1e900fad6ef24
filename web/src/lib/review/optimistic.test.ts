import { describe, expect, it } from 'vitest';
import { Optimistic } from './optimistic';

function gate() {
  let open = (): void => undefined;
  let refuse = (): void => undefined;
  const promise = new Promise<void>((resolve, reject) => {
    open = resolve;
    refuse = () => reject(new Error('refused'));
  });
  return { promise, open, refuse };
}

describe('an optimistic change', () => {
  it('shows at once and stays when the server agrees', async () => {
    const shown: boolean[] = [];
    const marks = new Optimistic('viewed', (_, value) => shown.push(value));
    const door = gate();
    const done = marks.set('a', false, true, () => door.promise);
    expect(shown).toEqual([true]);
    expect(marks.isPending('a')).toBe(true);
    door.open();
    await done;
    expect(shown).toEqual([true]);
    expect(marks.isPending('a')).toBe(false);
  });

  it('goes back to what the server has, not to what was shown meanwhile', async () => {
    const shown: (string | null)[] = [];
    const notes = new Optimistic('note', (_, value) => shown.push(value));
    const [one, two] = [gate(), gate()];
    const first = notes.set('a', 'old', 'first', () => one.promise);
    const second = notes.set('a', 'first', 'second', () => two.promise);
    one.refuse();
    await expect(first).rejects.toThrow('refused');
    expect(shown).toEqual(['first', 'second']); // the newer wish still stands
    two.refuse();
    await expect(second).rejects.toThrow('refused');
    expect(shown).toEqual(['first', 'second', 'old']);
  });

  it('sends one after the other for an id, and ids beside each other', async () => {
    const sent: string[] = [];
    const marks = new Optimistic('viewed', () => undefined);
    const door = gate();
    const slow = marks.set('a', false, true, async () => {
      sent.push('a on');
      await door.promise;
    });
    const after = marks.set('a', true, false, async () => void sent.push('a off'));
    await marks.set('b', false, true, async () => void sent.push('b on'));
    expect(sent).toEqual(['a on', 'b on']);
    door.open();
    await Promise.all([slow, after]);
    expect(sent).toEqual(['a on', 'b on', 'a off']);
  });
});
