import { QueryClient } from '@tanstack/svelte-query';
import { describe, expect, it } from 'vitest';
import { ApiError } from '../api/problem';
import { anEvent } from '../testing/events';
import { flatten, remove, upsert, type Pages } from './merge';
import { Pager } from './pager.svelte';
import type { Page, Param } from './pages';
import type { Event } from '../api/types';

const KEY = ['list'];
const ids = (client: QueryClient) =>
  flatten(client.getQueryData<Pages>(KEY)).map((event) => event.id);

/** A list of two events, whose older page is answered when the test says so. */
function started() {
  const client = new QueryClient();
  const first = { items: [anEvent('d', 400), anEvent('c', 300)], next_cursor: '300', newer: '' };
  client.setQueryData<Pages>(KEY, { pages: [first], pageParams: [null] });
  let answer: (page: Page<Event>) => void = () => undefined;
  let refuse: (error: Error) => void = () => undefined;
  const asked: Param[] = [];
  const pager = new Pager<Event>(client, {
    key: () => KEY,
    fetch: (param) => {
      asked.push(param);
      return new Promise((done, failed) => ([answer, refuse] = [done, failed]));
    },
  });
  const change = (how: (data: Pages) => Pages) =>
    client.setQueryData<Pages>(KEY, (data) => data && how(data));
  return {
    client,
    pager,
    asked,
    change,
    answer: (page: Page<Event>) => answer(page),
    refuse: (error: Error) => refuse(error),
  };
}

describe('a page that is added', () => {
  it('undoes nothing of what came meanwhile', async () => {
    const { client, pager, asked, change, answer } = started();
    const going = pager.go('older');
    expect([pager.going, asked]).toEqual(['older', [{ older: '300' }]]);
    void pager.go('older');
    change((data) => upsert(data, anEvent('e', 500), () => true));
    change((data) => remove(data, 'd'));
    answer({ items: [anEvent('b', 200)], next_cursor: null });
    await going;
    expect(ids(client)).toEqual(['e', 'c', 'b']);
    expect([pager.going, asked.length]).toEqual([null, 1]);
    await pager.go('older');
    expect(asked).toHaveLength(1);
  });

  it('stands before the others where it is newer', async () => {
    const { client, pager, answer } = started();
    const going = pager.go('newer');
    answer({ items: [anEvent('e', 500)] });
    await going;
    expect(ids(client)).toEqual(['e', 'd', 'c']);
    await pager.go('newer');
    expect(pager.going).toBeNull();
  });

  it('has no place in a list that began anew meanwhile', async () => {
    const { client, pager, answer } = started();
    const going = pager.go('older');
    const anew = { items: [anEvent('z', 900)], next_cursor: '900' };
    client.setQueryData<Pages>(KEY, { pages: [anew], pageParams: [null] });
    answer({ items: [anEvent('b', 200)], next_cursor: null });
    await going;
    expect(ids(client)).toEqual(['z']);
  });

  it('may fail, and is asked for again', async () => {
    const { client, pager, answer, refuse } = started();
    const going = pager.go('older');
    refuse(new ApiError(404, 'no', null, null));
    await going;
    expect([pager.going, pager.failed.newer]).toEqual([null, null]);
    expect(pager.failed.older).toBeInstanceOf(ApiError);
    void pager.again();
    answer({ items: [anEvent('b', 200)], next_cursor: null });
    await new Promise((done) => setTimeout(done));
    expect([ids(client), pager.failed.older]).toEqual([['d', 'c', 'b'], null]);
  });
});
