import { describe, expect, it } from 'vitest';
import type { Event, Incident } from '../api/types';
import { companions, inOrder, positionOf, windowed } from './captures';
import {
  flattenIncidents,
  mapIncident,
  told,
  upsertIncident,
  withHead,
  without,
  type IncidentPages,
} from './merge';

const event = (id: string, seconds: number, over: Partial<Event> = {}): Event =>
  ({
    id,
    event_ts: seconds * 1000,
    kind: 'record',
    camera_name: 'gate',
    duration_ms: 10_000,
    playable: true,
    protected: false,
    viewed: false,
    capture_date: '2026-03-01',
    captured_at: '2026-03-01T10:00:00Z',
    capture_hour: 'Hour-10',
    poster_url: `p/${id}`,
    ...over,
  }) as Event;

const incident = (id: string, events: Event[], over: Partial<Incident> = {}): Incident =>
  ({
    id,
    started_ts: events[0]?.event_ts ?? 0,
    ended_ts: (events.at(-1)?.event_ts ?? 0) + 10_000,
    cameras: [...new Set(events.map((one) => one.camera_name))],
    records: events.length,
    snaps: 0,
    more: 0,
    protected: false,
    viewed: false,
    events,
    ...over,
  }) as Incident;

const list = (...items: Incident[]): IncidentPages => ({ pages: [{ items }], pageParams: [null] });
const ids = (data: IncidentPages) => flattenIncidents(data).map(({ id }) => id);

describe('the list of incidents', () => {
  const c = incident('c', [event('c1', 900)]);
  const b = incident('b', [event('b1', 500)]);
  const a = incident('a', [event('a1', 100)]);

  it('puts one in its place', () => {
    expect(ids(upsertIncident(list(c, a), b))).toEqual(['c', 'b', 'a']);
  });

  it('lets those go that have become one with it', () => {
    const grown = incident('z', [event('z1', 495), event('b1', 500)]);
    expect(ids(upsertIncident(list(c, b, a), grown))).toEqual(['c', 'z', 'a']);
  });

  it('leaves what lies beyond the last page to that page', () => {
    const data = { pages: [{ items: [c, b], next_cursor: 'x' }], pageParams: [null] };
    expect(ids(upsertIncident(data, a))).toEqual(['c', 'b']);
  });

  it('makes one of what two pages tell of it', () => {
    const one = incident('b', [event('b2', 505)]);
    const data = { pages: [{ items: [one] }, { items: [b] }], pageParams: [null, null] };
    expect(flattenIncidents(data)).toMatchObject([{ id: 'b', records: 2 }]);
    expect(flattenIncidents(data)[0]?.events.map(({ id }) => id)).toEqual(['b1', 'b2']);
  });

  it('begins with a fresh head, and anew where they don’t meet', () => {
    const grown = incident('c', [event('c1', 900), event('c2', 905)]);
    const merged = withHead(list(c, b, a), { items: [grown, b], next_cursor: 'x' });
    expect(flattenIncidents(merged)).toMatchObject([
      { id: 'c', records: 2 },
      { id: 'b' },
      { id: 'a' },
    ]);
    expect(ids(withHead(list(a), { items: [c], next_cursor: 'x' }))).toEqual(['c']);
  });
});

describe('one incident', () => {
  const two = incident('a', [event('1', 0), event('2', 5, { camera_name: 'door' })]);

  it('is viewed when all of it is, and not before', () => {
    const see = (id: string) => (one: Event) => (one.id === id ? { ...one, viewed: true } : one);
    const half = mapIncident(two, see('1'));
    expect(half.viewed).toBe(false);
    expect(mapIncident(half, see('2')).viewed).toBe(true);
    expect(mapIncident({ ...half, more: 3 }, see('2')).viewed).toBe(false);
    expect(mapIncident(two, (one) => one)).toBe(two);
  });

  it('tells under filters only of what fits', () => {
    expect(told(two, (one) => one.camera_name === 'door')).toMatchObject({
      cameras: ['door'],
      records: 1,
      poster_url: 'p/2',
    });
    expect(told(two, () => false)).toBeNull();
  });

  it('goes with its last event', () => {
    const one = without(two, '1');
    expect(one).toMatchObject({ records: 1, cameras: ['door'] });
    expect(one && without(one, '2')).toBeNull();
  });
});

describe('playing through', () => {
  const main = event('m', 10);
  it('goes by time, clips first', () => {
    const still = event('s', 10, { kind: 'snap' });
    expect(inOrder([still, event('z', 20), main]).map(({ id }) => id)).toEqual(['m', 's', 'z']);
  });

  it('shows what other cameras saw meanwhile, one a camera', () => {
    const near = event('n', 12, { camera_name: 'door' });
    const late = event('l', 19, { camera_name: 'door' });
    const after = event('x', 20, { camera_name: 'pond' });
    const still = event('s', 12, { camera_name: 'yard', kind: 'snap' });
    expect(companions([main, near, late, after, still], main)).toEqual([near]);
    expect(companions([main, near], still)).toEqual([]);
  });

  it('holds them in step, at their ends where they have none', () => {
    const near = event('n', 12, { camera_name: 'door' });
    expect(positionOf(near, main, 5)).toBe(3);
    expect(positionOf(near, main, 1)).toBe(0);
    expect(positionOf(near, main, 60)).toBe(10);
  });

  it('draws a part of a long strip', () => {
    expect(windowed(10, 3, 40)).toEqual({ from: 0, to: 10 });
    expect(windowed(500, 250, 40)).toEqual({ from: 230, to: 270 });
    expect(windowed(500, 499, 40)).toEqual({ from: 460, to: 500 });
  });
});
