/** Clips that this browser can't play: a copy is made, and played as soon as it is there. Previews and blurs. */
import { expect, test, type Page } from '@playwright/test';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { cards, checkAccessibility, signIn } from './support/app';
import { ADMIN, Box, CLIP, STILL } from './support/box';
import { makeClip, SECONDS } from './support/clips';
import { eventsWithMedia } from './support/events';
import { noMediaErrors, reallyPlays, watchMediaErrors } from './support/playing';

let folder: string;
test.beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'camtrail-copies-'));
});
test.afterAll(() => rm(folder, { recursive: true, force: true }));

let box: Box;
test.afterEach(() => box.stop());

async function start(page: Page, extra: Record<string, string> = {}): Promise<void> {
  box = await Box.start(extra);
  await watchMediaErrors(page);
  await page.goto(`${box.url}/`);
  await signIn(page, ADMIN);
}

/** How often the app asked for something to be made. */
function countWishes(page: Page, what: 'playable' | 'preview'): () => number {
  let count = 0;
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.url().endsWith(`/${what}`)) count += 1;
  });
  return () => count;
}

const trouble = (page: Page) => page.getByTestId('stage-trouble');

for (const codec of ['hevc', 'mpeg4'] as const) {
  test(`a clip in ${codec} is asked for and plays`, async ({ page }) => {
    const clip = await makeClip(folder, codec);
    await start(page);
    await box.upload(clip, `backyard/clip_20260815_100751.mp4`);
    const [event] = await eventsWithMedia(page, box, 1);
    expect(event).toMatchObject({ video_codec: codec, h264_url: null });
    await page.goto(`${box.url}/event/${event?.id}`);

    // Nobody presses anything.
    await expect(trouble(page)).toContainText('A copy that plays here');
    await expect(trouble(page).getByRole('link', { name: 'Download' })).toBeVisible();
    await expect(page.getByTestId('video')).toHaveAttribute('data-rendition', 'h264', {
      timeout: 30_000,
    });
    await reallyPlays(page, { sound: true, durationMs: SECONDS * 1000 });
    await noMediaErrors(page);
    await expect(page.getByTestId('stood-in')).toContainText('H.264 copy');
    await checkAccessibility(page);

    // It is kept: the next visit asks for nothing.
    const wishes = countWishes(page, 'playable');
    await page.reload();
    await reallyPlays(page, { sound: true, durationMs: SECONDS * 1000 });
    expect(wishes()).toBe(0);
  });
}

test('several are made one after the other, and it is told how many are ahead', async ({
  page,
}) => {
  test.setTimeout(120_000);
  const clip = await makeClip(folder, 'hevc', '1280x720', 20);
  await start(page);
  for (const second of [51, 52, 53]) {
    await box.upload(clip, `backyard/clip_20260815_1007${second}.mp4`);
  }
  const events = await eventsWithMedia(page, box, 3);
  for (const { id } of events.slice(0, 2)) {
    const answer = await page.request.post(`${box.url}/api/v1/events/${id}/playable`, {
      headers: { 'X-Camtrail': '1' },
    });
    expect(answer.status()).toBe(202);
  }
  await page.goto(`${box.url}/event/${events[2]?.id}`);
  await expect(trouble(page)).toHaveAttribute('data-step', 'queued');
  await expect(trouble(page)).toContainText(/waits: [12] others? ahead|is next/);
  await expect(page.getByTestId('video')).toHaveAttribute('data-rendition', 'h264', {
    timeout: 90_000,
  });
  await reallyPlays(page, { sound: true, durationMs: 20_000 });
  await noMediaErrors(page);
});

test('where nothing can be made, it is said why, and the file is to be had', async ({ page }) => {
  const hevc = await makeClip(folder, 'hevc');
  const mpeg4 = await makeClip(folder, 'mpeg4');
  const wishes = countWishes(page, 'playable');

  await test.step('no ffmpeg', async () => {
    await start(page, { PATH: folder });
    await box.upload(hevc, 'backyard/clip_20260815_100751.mp4');
    await box.upload(mpeg4, 'backyard/clip_20260815_100752.mp4');
    for (const event of await eventsWithMedia(page, box, 2)) {
      await page.goto(`${box.url}/event/${event.id}`);
      await expect(trouble(page)).toHaveAttribute('data-step', 'unable');
      await expect(trouble(page)).toContainText('ffmpeg');
      const link = trouble(page).getByRole('link', { name: 'Download' });
      const answer = await page.request.get(
        await link.evaluate((a) => (a as HTMLAnchorElement).href),
        {
          headers: { Range: 'bytes=0-0' },
        },
      );
      expect(answer.status()).toBe(206);
      await checkAccessibility(page);
    }
    await page.waitForTimeout(6_000);
    expect(wishes(), 'asked once each').toBe(2);
    await box.stop();
  });

  await test.step('a clip of which nothing can be made', async () => {
    await start(page);
    // An index that promises pictures, and none of them.
    const empty = await readFile(mpeg4);
    empty.fill(0xff, empty.indexOf('mdat') + 4);
    await writeFile(join(folder, 'noise.mp4'), empty);
    await box.upload(join(folder, 'noise.mp4'), 'backyard/clip_20260815_100753.mp4');
    const [event] = await eventsWithMedia(page, box, 1);
    await page.goto(`${box.url}/event/${event?.id}`);
    await expect(trouble(page)).toHaveAttribute('data-step', 'impossible', { timeout: 30_000 });
    await expect(trouble(page)).toContainText('can be made of this event');
    await expect(trouble(page).getByRole('link', { name: 'Download' })).toBeVisible();
  });
});

test('a resting mouse looks through a clip, and the seek strip shows it whole', async ({
  page,
}) => {
  await start(page);
  const wishes = countWishes(page, 'preview');
  await box.upload(CLIP, 'backyard/record/MDalarm_20160830_152954.mkv');
  await box.upload(STILL, 'backyard/snap/MDAlarm_20160830-155137.jpg');
  await eventsWithMedia(page, box, 2);
  const poster = cards(page, { kind: 'record' }).locator('.poster');
  await expect(poster.locator('img')).toBeVisible();
  const area = await poster.boundingBox();
  if (!area) throw new Error('no poster');
  const hover = (at: number) =>
    page.mouse.move(area.x + area.width * at, area.y + area.height / 2, { steps: 3 });

  // A pointer that only passes wants nothing.
  await hover(0.3);
  await page.mouse.move(2, 2);
  await page.waitForTimeout(600);
  expect(wishes()).toBe(0);

  await hover(0.05);
  const frame = poster.getByTestId('preview-frame');
  await expect(frame).toHaveAttribute('data-cell', '0,0', { timeout: 20_000 });
  await expect
    .poll(() => frame.evaluate((image) => (image as HTMLImageElement).naturalWidth))
    .toBeGreaterThan(600);
  await hover(0.95);
  await expect(frame).not.toHaveAttribute('data-cell', '0,0');
  await checkAccessibility(page);
  await page.mouse.move(2, 2);
  await expect(frame).toHaveCount(0);
  const asked = wishes();

  await poster.click();
  await reallyPlays(page, { sound: false, durationMs: 27_810 });
  const strip = page.getByTestId('seek-strip');
  expect(await strip.getByTestId('preview-frame').count()).toBeGreaterThan(4);
  expect(wishes(), 'it is there already').toBe(asked);
  const bar = await strip.boundingBox();
  if (!bar) throw new Error('no strip');
  await page.mouse.move(bar.x + bar.width * 0.75, bar.y + bar.height / 2);
  const picture = page.getByTestId('seek-picture');
  await expect(picture).toContainText('0:2');
  await expect(picture.getByTestId('preview-frame')).toBeVisible();
  const video = page.getByTestId('video');
  await video.evaluate((element: HTMLVideoElement) => element.pause());
  await page.mouse.down();
  await page.mouse.up();
  await expect
    .poll(() => video.evaluate((element: HTMLVideoElement) => element.currentTime))
    .toBeCloseTo(27.8 * 0.75, 0);
  // The keys are the viewer's again.
  await page.keyboard.press('k');
  await expect(page.getByTestId('still')).toBeVisible();
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true });

  test('a finger that moves sideways over a card looks through the clip', async ({ page }) => {
    await start(page);
    await box.upload(CLIP, 'backyard/record/MDalarm_20160830_152954.mkv');
    await eventsWithMedia(page, box, 1);
    const poster = cards(page).locator('.poster');
    await expect(poster.locator('img')).toBeVisible();
    const area = await poster.boundingBox();
    if (!area) throw new Error('no poster');
    const touch = await page.context().newCDPSession(page);
    const send = (type: 'touchStart' | 'touchMove' | 'touchEnd', at?: number) =>
      touch.send('Input.dispatchTouchEvent', {
        type,
        touchPoints:
          at === undefined ? [] : [{ x: area.x + area.width * at, y: area.y + area.height / 2 }],
      });
    await send('touchStart', 0.1);
    for (const at of [0.2, 0.4, 0.6, 0.8]) await send('touchMove', at);
    const frame = poster.getByTestId('preview-frame');
    await expect(frame).toBeVisible({ timeout: 20_000 });
    const before = await frame.getAttribute('data-cell');
    await send('touchMove', 0.2);
    await expect(frame).not.toHaveAttribute('data-cell', before ?? '');
    await send('touchEnd');
    await expect(frame).toHaveCount(0);
    await expect(page, 'it was no tap').toHaveURL(`${box.url}/`);
    await poster.tap();
    await expect(page.getByTestId('video')).toBeVisible();
  });
});

test('a blur fills the box until the poster is there, and nothing moves', async ({ page }) => {
  await start(page);
  await box.upload(CLIP, 'backyard/record/MDalarm_20160830_152954.mkv');
  const [event] = await eventsWithMedia(page, box, 1);
  expect(event?.blur).toMatch(/^[A-Za-z0-9+/=]{8,}$/);
  expect(event).toMatchObject({ frame_rate: expect.any(Number), key_frames: expect.any(Number) });

  const faults: string[] = [];
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) faults.push(message.text());
  });
  let release: () => void = () => undefined;
  const held = new Promise<void>((done) => (release = done));
  await page.route(
    (url) => url.pathname.includes('poster') || url.href.includes(event?.poster_url ?? '?'),
    async (route) => {
      await held;
      await route.continue();
    },
  );
  await page.addInitScript(() => {
    const shifts: number[] = [];
    (window as unknown as { shifts: number[] }).shifts = shifts;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        shifts.push((entry as PerformanceEntry & { value: number }).value);
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
  // The first posters are asked for by the page itself, whose loading ends with them.
  await page.reload({ waitUntil: 'commit' });
  const poster = cards(page).locator('.poster');
  await expect(poster).toHaveCSS('background-image', /^url\("data:image\/png;base64,/);
  const before = await poster.boundingBox();
  await page.evaluate(() => ((window as unknown as { shifts: number[] }).shifts.length = 0));
  release();
  await expect(poster).toHaveCSS('background-image', 'none');
  await expect
    .poll(() => poster.locator('img').evaluate((image) => (image as HTMLImageElement).naturalWidth))
    .toBeGreaterThan(100);
  expect(await poster.boundingBox()).toEqual(before);
  // A thousandth is a pixel's part of a word in the bar; 0.1 is what people notice.
  const shifts = await page.evaluate(() => (window as unknown as { shifts: number[] }).shifts);
  expect(shifts.reduce((sum, shift) => sum + shift, 0)).toBeLessThan(0.001);
  expect(faults).toEqual([]);

  await cards(page).click();
  await expect(page.getByTestId('pictures')).toHaveText(
    /^[\d.]+ pictures a second, \d+ key frames$/,
  );
});
