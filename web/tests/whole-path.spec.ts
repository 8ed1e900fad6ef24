/** From a camera's FTP upload to the screen, and out again: the real program, the real browser, real clips. */
import { expect, test, type Page } from '@playwright/test';

import { cards, checkAccessibility, filterCamera, plays, signIn, signOut } from './support/app';
import { ADMIN, Box, CLIP, STILL } from './support/box';

const CLIP_NAME = 'MDalarm_20160830_152954';
const STILL_NAME = 'MDAlarm_20160830-155137';

let box: Box;
test.beforeEach(async () => {
  box = await Box.start();
});
test.afterEach(async () => {
  await box.stop();
});

async function uploadBoth(camera: string): Promise<void> {
  await box.upload(CLIP, `${camera}/record/${CLIP_NAME}.mkv`);
  await box.upload(STILL, `${camera}/snap/${STILL_NAME}.jpg`);
}

/** Every poster on the screen has really been loaded and has pixels. */
async function postersLoaded(page: Page, count: number): Promise<void> {
  await expect
    .poll(() =>
      page
        .locator('[data-testid="event-card"] img')
        .evaluateAll(
          (images) =>
            images.filter((image) => (image as HTMLImageElement).naturalWidth > 100).length,
        ),
    )
    .toBe(count);
}

test('a first clip, from the camera to the screen and out again', async ({ page }) => {
  const failures: string[] = [];
  page.on('pageerror', (error) => failures.push(error.message));

  await page.goto(box.url);
  await page.getByLabel('Name', { exact: true }).fill(ADMIN.username);
  await page.getByLabel('Password', { exact: true }).fill('wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toBeVisible();
  await signIn(page, ADMIN);

  // Nothing yet: the page helps with the first camera, and waits live for its test upload.
  await expect(page.getByTestId('first-start')).toBeVisible();
  await expect(box.upload(STILL, 'backyard/snap/x.jpg', 'wrong-password')).rejects.toThrow(/530/);
  await expect(page.getByTestId('ftp-troubles')).toContainText('Wrong user or password', {
    timeout: 15_000,
  });
  await checkAccessibility(page);
  await box.uploadText('hello', 'backyard/test.txt');
  await expect(page.getByTestId('first-start')).toContainText('backyard');

  // The cards come by themselves; no reload.
  await uploadBoth('backyard');
  await expect(cards(page)).toHaveCount(2);
  await postersLoaded(page, 2);
  await expect(cards(page, { kind: 'record' }).locator('time')).toHaveAttribute(
    'datetime',
    '2016-08-30T15:29:54.000-07:00',
  );
  await checkAccessibility(page);

  // The clip plays; previous and next walk the timeline.
  await cards(page, { kind: 'record' }).click();
  await plays(page);
  const video = page.getByTestId('video');
  expect(await video.evaluate((element: HTMLVideoElement) => element.videoWidth)).toBe(1280);
  expect(await video.evaluate((element: HTMLVideoElement) => element.duration)).toBeCloseTo(
    27.8,
    1,
  );
  await checkAccessibility(page);
  await page.keyboard.press('k');
  await expect(page.getByTestId('still')).toBeVisible();
  await page.keyboard.press('j');
  await expect(video).toBeVisible();
  const address = page.url();

  // Out, and locked out.
  await signOut(page);
  await page.goto(address);
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
  const answer = await page.request.get(`${box.url}/api/v1/events`);
  expect(answer.status()).toBe(401);
  expect(failures).toEqual([]);
});

test('two cameras, one filter, kept in the address', async ({ page }) => {
  await uploadBoth('backyard');
  await uploadBoth('front door');
  await page.goto(box.url);
  await signIn(page, ADMIN);
  await expect(cards(page)).toHaveCount(4);
  await filterCamera(page, 'front door');
  await expect(cards(page)).toHaveCount(2);
  await page.reload();
  await expect(cards(page, { camera: 'front door' })).toHaveCount(2);
  await expect(cards(page)).toHaveCount(2);
});

test('the server restarts under an open page: nothing missed, nothing doubled', async ({
  page,
}) => {
  await box.upload(STILL, `backyard/snap/${STILL_NAME}.jpg`);
  await page.goto(box.url);
  await signIn(page, ADMIN);
  await expect(cards(page)).toHaveCount(1);
  await box.pause();
  await expect(page.getByTestId('live-status')).not.toContainText('Live');
  await box.resume();
  await box.upload(CLIP, `backyard/record/${CLIP_NAME}.mkv`);
  await expect(cards(page)).toHaveCount(2, { timeout: 30_000 });
  await expect(page.getByTestId('live-status')).toContainText('Live');
});

test.describe('on a phone, below a base path', () => {
  test.use({ viewport: { width: 375, height: 812 }, hasTouch: true });

  test('everything is there', async ({ page }) => {
    const below = await Box.start({ CAMTRAIL__HTTP__BASE_PATH: '/cams' });
    try {
      await below.upload(STILL, `backyard/snap/${STILL_NAME}.jpg`);
      await page.goto(`${below.url}/`);
      await signIn(page, ADMIN);
      await expect(cards(page)).toHaveCount(1);
      await postersLoaded(page, 1);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(overflow).toBeLessThanOrEqual(0);
      await cards(page).click();
      await expect(page.getByTestId('still')).toBeVisible();
      await page.reload();
      await expect(page.getByTestId('still')).toBeVisible();
    } finally {
      await below.stop();
    }
  });
});

test('told that too much was missed, the page asks for all of it again', async ({ page }) => {
  await uploadBoth('backyard');
  await page.goto(box.url);
  await signIn(page, ADMIN);
  const stream = [
    'retry: 600000',
    '',
    'event: ready',
    'id: 1',
    'data: {"seq":1,"poll_ms":600000}',
    '',
    'event: reset',
    'id: 2',
    'data: {}',
    '',
    '',
  ].join('\n');
  await expect(cards(page).first()).toBeVisible();
  await page.route(/\/api\/v1\/live/, (route) =>
    route.fulfill({ contentType: 'text/event-stream', body: stream }),
  );
  const whole = page.waitForResponse((response) =>
    /\/api\/v1\/events\?.*limit=100/.test(response.url()),
  );
  await page.reload();
  expect((await whole).status()).toBe(200);
  await expect(cards(page).first()).toBeVisible();
  await page.unroute(/\/api\/v1\/live/);
});

test('where answers can’t stream, news come by asking, and nothing looks broken between', async ({
  page,
}) => {
  await box.stop();
  box = await Box.start({ CAMTRAIL__HTTP__LIVE: 'poll' });
  await page.goto(box.url);
  await signIn(page, ADMIN);
  const status = page.getByTestId('live-status');
  await expect(status).toContainText('Live');
  const seen = new Set<string>();
  await page.exposeFunction('liveStatusSeen', (text: string) => seen.add(text.trim()));
  await status.evaluate((element) => {
    const tell = () =>
      (window as unknown as { liveStatusSeen: (text: string) => void }).liveStatusSeen(
        element.textContent,
      );
    new MutationObserver(tell).observe(element, {
      childList: true,
      characterData: true,
      subtree: true,
    });
    tell();
  });
  await uploadBoth('backyard');
  await expect(cards(page)).toHaveCount(2, { timeout: 20_000 });
  await postersLoaded(page, 2);
  // Two polls later it was never anything but live.
  await page.waitForRequest((request) => request.url().endsWith('/api/v1/live'));
  await page.waitForRequest((request) => request.url().endsWith('/api/v1/live'));
  expect([...seen].filter((text) => !text.includes('Live'))).toEqual([]);
  await box.pause();
  await expect(status).not.toContainText('Live', { timeout: 30_000 });
  await box.resume();
  await expect(status).toContainText('Live', { timeout: 30_000 });
});
