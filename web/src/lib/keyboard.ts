/** What keys mean. The same table drives the handlers and the help on `?`. */

export type Command = 'next' | 'previous' | 'play' | 'back' | 'help' | 'mute' | 'fullscreen';

const COMMANDS: Record<string, Command> = {
  ArrowRight: 'next',
  j: 'next',
  ArrowLeft: 'previous',
  k: 'previous',
  ' ': 'play',
  Escape: 'back',
  '?': 'help',
  m: 'mute',
  f: 'fullscreen',
};

export const KEY_HELP: { keys: string[]; does: string; where: 'viewer' | 'timeline' | 'all' }[] = [
  { keys: ['j', '→'], does: 'Next event (older)', where: 'all' },
  { keys: ['k', '←'], does: 'Previous event (newer)', where: 'all' },
  { keys: ['Enter'], does: 'Open the event', where: 'timeline' },
  { keys: ['Space'], does: 'Play or pause', where: 'viewer' },
  { keys: ['m'], does: 'Sound on or off', where: 'viewer' },
  { keys: ['f'], does: 'Full screen', where: 'viewer' },
  { keys: ['Esc'], does: 'Back to the timeline', where: 'viewer' },
  { keys: ['?'], does: 'This help', where: 'all' },
];

/**
 * The command of a key press, unless the press belongs to something else: a browser shortcut, a
 * text field, an open menu or dialog, or a control that Space or Enter operates.
 */
export function commandOf(event: KeyboardEvent): Command | null {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null;
  const command = COMMANDS[event.key] ?? null;
  if (command === null || event.defaultPrevented) return null;
  const target = event.target instanceof Element ? event.target : null;
  if (target?.closest('input, select, textarea, [contenteditable], [role=menu], [role=dialog]')) {
    return null;
  }
  if (command === 'play' && target?.closest('a, button, summary')) return null;
  return command;
}
