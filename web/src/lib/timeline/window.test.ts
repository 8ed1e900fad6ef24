import { QueryClient } from '@tanstack/svelte-query';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Event } from '../api/types';
import { anEvent } from '../testing/events';
import { eventPlace, eventSlots, flatten, upsert, type Pages } from './merge';
import { isRoom, type Param, type Slot } from './pages';
import { PageWindow } from './window';

const PAGE = 10;
const NOON = Date.parse('2026-11-24T19:00:00Z');
const KEY = ['list'];

/** A server with events a minute apart, in pages by cursors that are times. */
class Server {
  events: Event[];
  asked: Param[] = [];
  failing = false;
  constructor(count: number) {
    this.events = Array.from({ length: count }, (_, n) => anEvent(`e${n}`, NOON - n * 60_000));
  }
  fetch = (param: Param) => {
    this.asked.push(param);
    if (this.failing) return Promise.reject(new Error('no answer'));
    const before = param === null ? Infinity : 'older' in param ? Number(param.older) : NaN;
    const rest = this.events.filter(({ event_ts }) => event_ts < before);
    const items = rest.slice(0, PAGE);
    const next_cursor = rest.length > PAGE ? String(items.at(-1)?.event_ts) : null;
    return Promise.resolve({ items, next_cursor });
  };
}

let server: Server;
let client: QueryClient;
let drawn: Slot<Event>[];
let pages: PageWindow<Event>;
const data = () => client.getQueryData<Pages>(KEY) as Pages;
const rooms = () => data().pages.flatMap(({ hollow }, index) => (hollow ? [index] : []));

beforeEach(async () => {
  vi.useFakeTimers();
  server = new Server(400);
  client = new QueryClient();
  const loaded: Pages = { pages: [], pageParams: [] };
  for (let param: Param = null, n = 0; n < 40; n += 1) {
    const page = await server.fetch(param);
    loaded.pages.push(page);
    loaded.pageParams.push(param);
    param = { older: page.next_cursor ?? '' };
  }
  client.setQueryData(KEY, loaded);
  server.asked = [];
  pages = new PageWindow(client, {
    key: () => KEY,
    fetch: (param) => server.fetch(param),
    placeOf: eventPlace,
    drawn: () => drawn,
  });
});
afterEach(() => {
  pages.stop();
  vi.useRealTimers();
});

/** The screen is at those of the list. */
async function look(from: number, to: number): Promise<void> {
  const all: Slot<Event>[] = eventSlots(data()).flatMap((slot) =>
    isRoom(slot) ? Array<Slot<Event>>(slot.count).fill(slot) : [slot],
  );
  drawn = all.slice(from, to);
  pages.look();
  await vi.advanceTimersByTimeAsync(150);
}

describe('a long list', () => {
  it('keeps the first page, what is near the screen, and the room of the rest', async () => {
    await look(195, 215);
    expect(rooms()).toEqual([
      ...Array.from({ length: 10 }, (_, n) => n + 1),
      ...Array.from({ length: 10 }, (_, n) => n + 30),
    ]);
    const places = eventSlots(data()).reduce(
      (sum, slot) => sum + (isRoom(slot) ? slot.count : 1),
      0,
    );
    expect(places).toBe(400);
    expect(server.asked).toEqual([]);
  });

  it('has them again before the reader is there, and what came and went meanwhile', async () => {
    await look(390, 400);
    expect(rooms()).toContain(20);
    // Into a page that was let go of: more than one answer holds.
    const late = Array.from({ length: 12 }, (_, n) =>
      anEvent(`late${n}`, NOON - 205.5 * 60_000 - n),
    );
    server.events = [...server.events, ...late]
      .filter(({ id }) => id !== 'e203')
      .sort((a, b) => b.event_ts - a.event_ts);
    expect(upsert(data(), late[0] as Event, () => true)).toBe(data());
    for (let at = 380; at >= 0; at -= 20) await look(at, at + 20);
    expect(rooms().filter((page) => page < 10)).toEqual([]);
    await look(195, 230);
    const ids = flatten(data()).map(({ id }) => id);
    const near = server.events.slice(180, 240).map(({ id }) => id);
    expect(near).toContain('late0');
    expect(ids.slice(ids.indexOf('e180'), ids.indexOf('e180') + 60)).toEqual(near);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('fills the page that a list of the past began with, wherever it stands by now', async () => {
    const { pages: all, pageParams } = data();
    // The first one was asked for by no cursor; newer ones have come above it since.
    client.setQueryData(KEY, {
      pages: all,
      pageParams: pageParams.map((param: unknown, at) => (at === 20 ? null : param)),
    });
    await look(390, 400);
    expect(rooms()).toContain(20);
    await look(200, 210);
    expect(rooms()).not.toContain(20);
    expect(rooms()).not.toContain(21);
  });

  it('asks again after a failure, as long as it is wanted', async () => {
    await look(390, 400);
    server.failing = true;
    await look(200, 220);
    expect(rooms()).toContain(20);
    server.failing = false;
    await vi.advanceTimersByTimeAsync(2_500);
    expect(rooms()).not.toContain(20);
    expect(rooms()).not.toContain(21);
  });

  it('asks nothing more when it is torn down', async () => {
    await look(390, 400);
    server.asked = [];
    drawn = eventSlots(data())
      .filter((slot) => isRoom(slot))
      .slice(5, 6);
    pages.look();
    pages.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.asked).toEqual([]);
  });
});
