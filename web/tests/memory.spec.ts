/** A page that stays open for weeks: what left it is let go of, by us and by the browser. */
import { expect, test } from '@playwright/test';

import { cards, signIn } from './support/app';
import { ADMIN, Box } from './support/box';
import { eventsWithMedia } from './support/events';
import { daysAgo, uploadStill } from './support/times';

// A trace keeps parts of the page, too.
test.use({ trace: 'off' });

const EVENTS = 12;
const TURNS = 20;
/** Of a card, with its picture and words, the browser counts twenty nodes and more. */
const HELD_MAX = 1_000;

let box: Box;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  box = await Box.start();
  for (let minute = 10; minute < 10 + EVENTS; minute += 1) {
    await uploadStill(box, 'gate', daysAgo(1), `09${minute}00`);
  }
});
test.afterAll(() => box.stop());

test('the browser holds nothing of cards that left', async ({ page }) => {
  await page.goto(box.url);
  await signIn(page, ADMIN);
  await eventsWithMedia(page, box, EVENTS);
  const cdp = await page.context().newCDPSession(page);
  const nodes = async () => {
    await cdp.send('HeapProfiler.collectGarbage');
    return (await cdp.send('Memory.getDOMCounters')).nodes;
  };
  const pictures = () =>
    page.locator('[data-testid=event-card] img').evaluateAll((images) => {
      return images.filter((image) => (image as HTMLImageElement).naturalWidth > 0).length;
    });
  /** All cards go, and as many others come. */
  const turn = async () => {
    await page.getByTestId('view-incidents').click();
    await expect(page.getByTestId('incident-card').first()).toBeVisible();
    await page.getByTestId('view-events').click();
    await expect(cards(page).first()).toBeVisible();
    await expect.poll(pictures).toBeGreaterThan(2);
  };
  await turn();
  const before = await nodes();
  for (let n = 0; n < TURNS; n += 1) await turn();
  expect((await nodes()) - before).toBeLessThan(HELD_MAX);
});
