import { describe, expect, it } from 'vitest';
import type { EventQuery } from '../api/client';
import type { Event, Incident } from '../api/types';
import { anEvent } from '../testing/events';
import { wholeIncident } from './whole';

/** A server that has `count` captures of one incident and some of the next; three share each moment. */
function server(count: number) {
  const id = (at: number) => `e${String(at).padStart(5, '0')}`;
  const all = Array.from({ length: count + 300 }, (_, at) => anEvent(id(at), Math.floor(at / 3)));
  const events = all.slice(0, Math.min(500, count));
  const incident = { id: 'i', events, more: count - events.length } as unknown as Incident;
  let pages = 0;
  const calls = {
    incident: () => Promise.resolve(incident),
    events: ({ fromMs = 0, cursor, limit }: EventQuery) => {
      pages += 1;
      const from = cursor === undefined ? 0 : Number(cursor);
      const fits = all.filter(({ event_ts }) => event_ts >= fromMs);
      const rest = from + limit < fits.length ? String(from + limit) : null;
      return Promise.resolve({ items: fits.slice(from, from + limit), next_cursor: rest });
    },
  };
  return { all, calls, pages: () => pages };
}
const ids = (events: Event[]) => events.map(({ id }) => id);

describe('a whole incident', () => {
  it.each([3, 500, 501, 1_250])(
    'has each of its %i captures once, and none of the next',
    async (count) => {
      const { all, calls } = server(count);
      const { events, more } = await wholeIncident(calls, 'i');
      expect(ids(events)).toEqual(ids(all.slice(0, count)));
      expect(more).toBe(0);
    },
  );

  it('is asked for once where the first answer has all', async () => {
    const { calls, pages } = server(500);
    await wholeIncident(calls, 'i');
    expect(pages()).toBe(0);
  });
});
