/** Media links that are too old, as on a page that was left open: the server itself refuses them. */
import { type Page } from '@playwright/test';

export interface AgedLinks {
  /** Media that the server refused. */
  refused: () => number;
  /** From now on links are told as they are. */
  stop: () => Promise<void>;
}

/** Every link in the first answer of each address that matches is an hour older than it was made. */
export async function ageLinks(page: Page, addresses: RegExp): Promise<AgedLinks> {
  const aged = new Set<string>();
  let refused = 0;
  page.on('response', (response) => {
    if (response.url().includes('/api/v1/media/') && response.status() >= 400) refused += 1;
  });
  await page.route(addresses, async (route) => {
    // `/events`, `/incidents`, and one of either: each once.
    const kind = new URL(route.request().url()).pathname;
    if (route.request().method() !== 'GET' || aged.has(kind)) return route.fallback();
    aged.add(kind);
    const response = await route.fetch();
    const older = (_: string, seconds: string) => `expires=${Number(seconds) - 7_200}`;
    const body = (await response.text()).replaceAll(/expires=(\d+)/g, older);
    await route.fulfill({ response, body });
  });
  return { refused: () => refused, stop: () => page.unroute(addresses) };
}
