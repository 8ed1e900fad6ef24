/** What the API says of events, for tests that look behind the screen. */
import { expect, type Page } from '@playwright/test';

import type { components } from '../../src/lib/api/schema';
import type { Box } from './box';

export type ListedEvent = components['schemas']['Event'];

/** All events once there are `count` and the spool is empty: whatever can be made of them is made. */
export async function eventsWithMedia(page: Page, box: Box, count: number): Promise<ListedEvent[]> {
  const get = async (path: string) => (await page.request.get(`${box.url}/api/v1${path}`)).json();
  let items: ListedEvent[] = [];
  await expect
    .poll(
      async () => {
        const { spool } = (await get('/status')) as { spool: { entries: number } };
        ({ items } = (await get('/events?limit=200')) as { items: ListedEvent[] });
        return { events: items.length, waiting: spool.entries };
      },
      { timeout: 60_000, message: 'everything is listed and nothing waits' },
    )
    .toEqual({ events: count, waiting: 0 });
  return items;
}
