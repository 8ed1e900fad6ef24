/** Behind a reverse proxy, below a path of a site that has other pages too. */
import { expect, test } from '@playwright/test';

import { cards, plays, signIn, signOut } from './support/app';
import { expectNoViolations } from './support/axe';
import { ADMIN, Box, CLIP, STILL } from './support/box';
import { eventsWithMedia } from './support/events';
import { Front } from './support/front';

const BASE_PATH = '/cameras';

let box: Box;
let front: Front;
test.beforeEach(async () => {
  // The proxy is of this machine; what the world calls it is known after it has started.
  box = await Box.start({
    CAMTRAIL__HTTP__BASE_PATH: BASE_PATH,
    CAMTRAIL__HTTP__TRUSTED_PROXIES: '["127.0.0.1"]',
  });
  front = await Front.before(box, BASE_PATH);
});
test.afterEach(async () => {
  await front.stop();
  await box.stop();
});

test('pages, media, live news, shares and the worker stay below it', async ({ page, browser }) => {
  await page.goto(`${front.url}/`);
  await signIn(page, ADMIN);
  await expect(page.getByTestId('first-start')).toBeVisible();
  // Live, through the proxy: nothing is loaded again.
  await box.upload(CLIP, 'backyard/record/MDalarm_20160830_152954.mkv');
  await expect(cards(page)).toHaveCount(1, { timeout: 60_000 });
  await box.upload(STILL, 'gate/snap/MDAlarm_20160830-155137.jpg');
  await expect(cards(page)).toHaveCount(2, { timeout: 60_000 });
  await eventsWithMedia(page, box, 2);
  const poster = cards(page, { camera: 'backyard' }).locator('img').first();
  await expect
    .poll(() => poster.evaluate((image: HTMLImageElement) => image.naturalWidth))
    .toBeGreaterThan(0);

  await cards(page, { camera: 'backyard' }).click();
  await plays(page);
  const event = page.url();
  expect(event.startsWith(`${front.url}/event/`)).toBe(true);
  await page.reload();
  await expect(page.getByTestId('video')).toBeVisible();

  await page.getByTestId('share').click();
  const dialog = page.getByTestId('share-dialog');
  await dialog.getByRole('button', { name: 'Make and copy the link' }).click();
  const link = await page.getByTestId('share-url').inputValue();
  expect(link.startsWith(`${front.url}/s/`)).toBe(true);
  const stranger = await (await browser.newContext()).newPage();
  await stranger.goto(link);
  const shared = stranger.locator('video');
  await expect
    .poll(() => shared.evaluate((video: HTMLVideoElement) => video.readyState))
    .toBeGreaterThan(0);
  await expectNoViolations(stranger);
  await stranger.getByRole('link', { name: 'Open the timeline' }).click();
  expect(stranger.url()).toBe(`${front.url}/`);
  await expect(stranger.getByRole('button', { name: 'Sign in' })).toBeVisible();

  for (const [path, heading] of [
    ['cameras', 'Cameras'],
    ['statistics', 'Statistics'],
    ['settings', 'Groups of cameras'],
    ['settings/account', 'My account'],
    ['settings/notifications', 'This browser'],
    ['settings/shares', 'Shares'],
    ['settings/people', 'People'],
    ['settings/log', 'Log'],
    ['settings/about', 'About'],
  ] as const) {
    await page.goto(`${front.url}/${path}`);
    await expect(page.getByRole('heading', { name: heading, exact: true }).first()).toBeVisible();
  }

  const scopes = await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    return (await navigator.serviceWorker.getRegistrations()).map(({ scope }) => scope);
  });
  expect(scopes).toEqual([`${front.url}/`]);
  const [cookie] = await page.context().cookies(`${front.url}/`);
  expect(cookie?.path).toBe(`${BASE_PATH}/`);
  await signOut(page);

  // The site's other pages are its own, and nothing of ours was asked for among them.
  const other = await page.goto(new URL('/else', front.url).href);
  expect(other?.status()).toBe(404);
  await expect(page.getByRole('heading', { name: 'Another site' })).toBeVisible();
  const strays = front.asked.filter((path) => !path.startsWith(`${BASE_PATH}/`));
  expect(strays.filter((path) => !['/else', '/favicon.ico'].includes(path))).toEqual([]);
});

test('a path without its slash leads there, and a server that goes comes back under an open page', async ({
  page,
}) => {
  await page.goto(front.url);
  await signIn(page, ADMIN);
  await page.goto(`${front.url}/settings/people`);
  await page.getByTestId('new-person').click();
  const name = page.getByTestId('person-form').getByLabel('Name', { exact: true });
  await name.fill('anna');
  await page.getByLabel('Password', { exact: true }).fill('anna-sees-the-gate');
  await box.pause();
  await page.getByRole('button', { name: 'Add them' }).click();
  await expect(page.getByTestId('person-form').getByRole('alert')).toContainText(/did not answer/);
  await box.resume();
  // What was typed is still there, and goes through now.
  await page.getByRole('button', { name: 'Add them' }).click();
  await expect(page.locator('[data-testid=person][data-person=anna]')).toBeVisible();
  await expect(page.getByTestId('update-prompt')).toHaveCount(0);
});
