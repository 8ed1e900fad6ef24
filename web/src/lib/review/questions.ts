/** What is asked before a deed that can't be undone. */
import type { Event } from '../api/types';
import type { Question } from '../app-context';
import { clockTime, fullTime } from '../time';
import type { Decisions } from './decisions';
import type { Marks } from './marks';

export const allUpTo = (event: Event, marks: Marks): Question => ({
  title: 'Mark everything up to here as viewed?',
  text:
    `All events until ${fullTime(event.captured_at)}, of all cameras, also those that filters hide. ` +
    'It is for you alone, and can’t be undone in one step.',
  deed: 'Mark as viewed',
  destructive: false,
  run: async () => void (await marks.markUpTo(event)),
});

export const deletion = (
  event: Event,
  cameraName: string,
  decisions: Decisions,
  gone: () => void,
): Question => ({
  title: `Delete this ${event.kind === 'record' ? 'clip' : 'still'} for good?`,
  text:
    `${cameraName}, ${clockTime(event.captured_at)}: ${event.name}. ` +
    'The file leaves the store, for everybody. This can’t be undone.',
  deed: 'Delete for good',
  destructive: true,
  run: async () => {
    await decisions.remove(event);
    gone();
  },
});
