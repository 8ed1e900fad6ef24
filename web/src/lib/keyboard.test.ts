import { describe, expect, it } from 'vitest';
import { commandOf, KEY_HELP } from './keyboard';

const press = (key: string, over: Partial<KeyboardEvent> = {}) =>
  commandOf({ key, target: null, ...over } as KeyboardEvent);
// Node has no elements; the check for them needs the name.
globalThis.Element ??= Object as unknown as typeof Element;

describe('keys', () => {
  it('go by the shift key, not by Caps Lock', () => {
    expect(press('v')).toBe('viewed');
    expect(press('V')).toBe('viewed');
    expect(press('V', { shiftKey: true })).toBe('viewed-up-to');
    expect(press('v', { shiftKey: true })).toBe('viewed-up-to');
    expect(press('J')).toBe('next');
  });

  it('are left to the browser with its own modifiers', () => {
    expect(press('d', { ctrlKey: true })).toBeNull();
    expect(press('z', { metaKey: true })).toBeNull();
    expect(press('j', { isComposing: true })).toBeNull();
  });

  it('all stand in the help, and nothing else does', () => {
    const names: Record<string, string> = { '→': 'ArrowRight', '←': 'ArrowLeft', Esc: 'Escape' };
    const told = KEY_HELP.flatMap(({ keys }) => keys.flatMap((help) => help.keys));
    const commands = told
      .filter((key) => key !== 'Enter') // a link's own
      .map((key) =>
        key === 'Shift v'
          ? press('V', { shiftKey: true })
          : press(key === 'Space' ? ' ' : (names[key] ?? key)),
      );
    expect(commands).not.toContain(null);
    const all =
      'next previous play back help mute fullscreen viewed viewed-up-to undo protect note';
    expect([...new Set(commands)].sort()).toEqual(
      [...all.split(' '), 'download', 'delete', 'quality', 'share'].sort(),
    );
  });
});
