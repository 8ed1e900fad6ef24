/** What keys mean. The same table drives the handlers and the help on `?`. */

export type Command =
  | 'next'
  | 'previous'
  | 'play'
  | 'back'
  | 'help'
  | 'mute'
  | 'fullscreen'
  | 'viewed'
  | 'viewed-up-to'
  | 'undo'
  | 'protect'
  | 'note'
  | 'download'
  | 'delete'
  | 'quality'
  | 'share';

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
  v: 'viewed',
  V: 'viewed-up-to',
  z: 'undo',
  p: 'protect',
  n: 'note',
  d: 'download',
  Delete: 'delete',
  '#': 'delete',
  q: 'quality',
  s: 'share',
};

export interface KeyHelp {
  keys: string[];
  does: string;
}

export const KEY_HELP: { where: string; keys: KeyHelp[] }[] = [
  {
    where: 'Everywhere',
    keys: [
      { keys: ['j', '→'], does: 'Next event (older)' },
      { keys: ['k', '←'], does: 'Previous event (newer)' },
      { keys: ['v'], does: 'Viewed, or to be viewed again' },
      { keys: ['Shift v'], does: 'Viewed: this and all older events' },
      { keys: ['z'], does: 'Undo the last mark, protection or note' },
      { keys: ['?'], does: 'This help' },
    ],
  },
  { where: 'On the timeline', keys: [{ keys: ['Enter'], does: 'Open the event' }] },
  {
    where: 'While watching',
    keys: [
      { keys: ['Space'], does: 'Play or pause' },
      { keys: ['m'], does: 'Sound on or off' },
      { keys: ['f'], does: 'Full screen' },
      { keys: ['q'], does: 'Small or full quality' },
      { keys: ['p'], does: 'Protect, or not any more' },
      { keys: ['n'], does: 'Write a note' },
      { keys: ['s'], does: 'Share by a link' },
      { keys: ['d'], does: 'Download' },
      { keys: ['Delete', '#'], does: 'Delete' },
      { keys: ['Esc'], does: 'Back to the timeline' },
    ],
  },
];

/** By the shift key, not by Caps Lock: "all older" must not come of a lock that is on. */
function nameOf({ key, shiftKey }: KeyboardEvent): string {
  if (!/^[a-z]$/i.test(key)) return key;
  return shiftKey ? key.toUpperCase() : key.toLowerCase();
}

const ELSEWHERE =
  'input, select, textarea, [contenteditable], [role=menu], [role=dialog], [role=alertdialog]';

/**
 * The command of a key press, unless the press belongs to something else: a browser shortcut, a
 * text field, an open menu or dialog, or a control that Space or Enter operates.
 */
export function commandOf(event: KeyboardEvent): Command | null {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null;
  const command = COMMANDS[nameOf(event)] ?? null;
  if (command === null || event.defaultPrevented) return null;
  const target = event.target instanceof Element ? event.target : null;
  if (target?.closest(ELSEWHERE)) {
    return null;
  }
  if (command === 'play' && target?.closest('a, button, summary')) return null;
  return command;
}
