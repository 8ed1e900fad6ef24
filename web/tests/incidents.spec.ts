/** Incidents: their cards, their player, and what comes while they are looked at. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, type Locator, type Page } from '@playwright/test';

import { signIn, VIEWPORTS } from './support/app';
import { expectNoViolations } from './support/axe';
import { ADMIN, Box, STILL } from './support/box';
import { makeClip } from './support/clips';
import { eventsWithMedia } from './support/events';
import { ageLinks } from './support/links';

/** Of every clip here. */
const CLIP_SECONDS = 6;
/** So far a companion may be off: the app's own bound, and what passes while it is read. */
const STEP_S = 0.6;

let box: Box;
let folder: string;
let clip: string;

test.beforeAll(async () => {
  test.setTimeout(120_000);
  folder = await mkdtemp(join(tmpdir(), 'camtrail-incidents-'));
  clip = await makeClip(folder, 'h264', '320x180', CLIP_SECONDS);
  box = await Box.start();
  // Two cameras see one thing, two seconds apart; an hour later two more; then one still.
  await upload('gate', '100740', 'clip');
  await upload('yard', '100742', 'clip');
  await upload('gate', '100745', 'still');
  await upload('yard', '110000', 'clip');
  await upload('gate', '110020', 'still');
  await upload('gate', '120000', 'still');
});
test.afterAll(async () => {
  await box.stop();
  await rm(folder, { recursive: true, force: true });
});

async function upload(camera: string, time: string, kind: 'clip' | 'still'): Promise<void> {
  if (kind === 'clip') await box.upload(clip, `${camera}/record/clip_20260815_${time}.mp4`);
  else await box.upload(STILL, `${camera}/snap/MDAlarm_20260815-${time}.jpg`);
}

const incidents = (page: Page) => page.getByTestId('incident-card');
const position = (page: Page) => page.getByTestId('position');
const captures = (page: Page) => page.getByTestId('capture');

async function open(page: Page, events = 6): Promise<void> {
  await page.goto(box.url);
  await signIn(page, ADMIN, 'incidents');
  await eventsWithMedia(page, box, events);
  await page.reload();
  await expect(incidents(page).first()).toBeVisible();
}

const seconds = (video: Locator) =>
  video.evaluate((element: HTMLVideoElement) => ({
    at: element.currentTime,
    paused: element.paused,
  }));

/** Pictures that are drawn, and those that failed or are missing. */
const pictures = (where: Locator) =>
  where.evaluate((element) => {
    const images = [...element.querySelectorAll('img')];
    return {
      drawn: images.filter(({ complete, naturalWidth }) => complete && naturalWidth > 100).length,
      all: images.length,
    };
  });

test('one card for one happening, its captures in the order seen, across cameras', async ({
  page,
}) => {
  await open(page);
  await expect(incidents(page)).toHaveCount(3);
  await expect(page.getByTestId('timeline')).toMatchAriaSnapshot(`
    - region "Saturday, August 15":
      - heading "Saturday, August 15" [level=2]
      - list:
        - listitem:
          - 'link "1 still Not viewed: 12:00:00 PM gate"'
        - listitem:
          - 'link "1 clip 1 still 2 cameras Not viewed: 11:00:00 AM 20 s yard → gate"'
        - listitem:
          - 'link "2 clips 1 still 2 cameras Not viewed: 10:07:40 AM 8 s gate → yard"'
  `);
  await incidents(page).last().click();
  await expect(captures(page)).toHaveText([
    /10:07:40 AM\s*Clip, gate/,
    /10:07:42 AM\s*Clip, yard, not viewed/,
    /10:07:45 AM\s*Still, gate, not viewed/,
  ]);
  await expect(position(page)).toHaveText(/1 of 3: Clip,\s+gate, 10:07:40 AM/);
  await expect(page.getByTestId('incident')).toMatchAriaSnapshot(`
    - button "Back to the timeline"
    - heading /gate, yard.*10:07:40 AM/ [level=1]
    - button "Newer incident"
    - button "Next capture"
    - group "The same moment on other cameras":
      - button /yard.*show this camera large/
    - list "Captures of this incident":
      - listitem
      - listitem
      - listitem
    - complementary "About this incident":
      - group "All of it":
        - button "Play through"
        - button "All viewed"
        - button "Protect all"
        - button "Copy link"
      - heading "This clip" [level=2]
      - group "This one":
        - link "Download"
        - button "Share"
        - button "Delete"
        - link "Details"
      - button "Add a note"
  `);
  await page.keyboard.press('j');
  await expect(position(page)).toHaveText(/2 of 3: Clip,\s+yard/);
  await page.keyboard.press('ArrowRight');
  await expect(position(page)).toHaveText(/3 of 3: Still,\s+gate/);
  await expect(page.getByTestId('next')).toBeDisabled();
  await page.keyboard.press('k');
  await expect(position(page)).toHaveText(/2 of 3/);
});

test('clips of one moment run side by side and in step', async ({ page }) => {
  await open(page);
  await incidents(page).last().click();
  const main = page.getByTestId('video');
  const beside = page.locator('[data-testid=companion][data-camera=yard] video');
  await expect(beside).toHaveCount(1);
  // It began two seconds later: it waits, then runs along.
  const offset = 2;
  await main.evaluate((element: HTMLVideoElement) => {
    element.pause();
    element.currentTime = 1;
  });
  await expect.poll(async () => (await seconds(beside)).at).toBe(0);
  await main.evaluate((element: HTMLVideoElement) => (element.currentTime = 4));
  await expect
    .poll(async () => Math.abs((await seconds(beside)).at - (4 - offset)))
    .toBeLessThan(STEP_S);
  await main.evaluate((element: HTMLVideoElement) => {
    element.currentTime = 2.5;
    return element.play();
  });
  // Both are read in the same instant.
  const apart = () =>
    page.evaluate((late) => {
      const one = document.querySelector<HTMLVideoElement>('[data-testid=video]');
      const other = document.querySelector<HTMLVideoElement>('[data-testid=companion] video');
      if (!one || !other || other.paused || one.currentTime < 3.2) return Infinity;
      return Math.abs(one.currentTime - late - other.currentTime);
    }, offset);
  await expect.poll(apart, { intervals: [100] }).toBeLessThan(STEP_S);
  await page.keyboard.press('Space');
  await expect.poll(async () => (await seconds(main)).paused).toBe(true);
  await expect.poll(async () => (await seconds(beside)).paused).toBe(true);
  expect(await beside.evaluate((element: HTMLVideoElement) => element.muted)).toBe(true);

  // The other camera, large; then this one is beside it.
  await page.getByTestId('companion').click();
  await expect(position(page)).toHaveText(/2 of 3: Clip,\s+yard/);
  await expect(page.locator('[data-testid=companion][data-camera=gate]')).toBeVisible();
});

test('one key leads through all of it, into the next one, and back to its card', async ({
  page,
}) => {
  await open(page);
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await expect(position(page)).toHaveText(/1 of 1: Still,\s+gate, 12:00:00 PM/);
  const steps = [
    /1 of 2: Clip,\s+yard, 11:00:00 AM/,
    /2 of 2: Still,\s+gate, 11:00:20 AM/,
    /1 of 3: Clip,\s+gate, 10:07:40 AM/,
  ];
  for (const step of steps) {
    await page.keyboard.press('j');
    await expect(position(page)).toHaveText(step);
  }
  // On the way back one comes in at the end.
  await page.keyboard.press('k');
  await expect(position(page)).toHaveText(/2 of 2: Still,\s+gate, 11:00:20 AM/);
  await page.keyboard.press('Escape');
  await expect(incidents(page)).toHaveCount(3);
  await expect(incidents(page).nth(1)).toBeFocused();
  await expect(incidents(page).nth(1)).toHaveAttribute('data-viewed', 'true');
  const viewed = (await eventsWithMedia(page, box, 6)).filter((event) => event.viewed === true);
  expect(viewed.map(({ captured_at }) => captured_at.slice(11, 19))).toEqual(
    expect.arrayContaining(['12:00:00', '11:00:20', '11:00:00', '10:07:40']),
  );

  // All of one, by its card.
  await page.keyboard.press('v');
  await expect(incidents(page).nth(1)).toHaveAttribute('data-viewed', 'false');
  await page.keyboard.press('v');
  await expect(incidents(page).nth(1)).toHaveAttribute('data-viewed', 'true');
});

test('the shown capture is shared and noted by its keys', async ({ page }) => {
  await open(page);
  await incidents(page).last().click();
  await page.keyboard.press('j');
  await expect(position(page)).toHaveText(/2 of 3: Clip,\s+yard/);
  await page.keyboard.press('s');
  await expect(page.getByRole('dialog', { name: /Share/ })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('share')).toBeFocused();
  await page.keyboard.press('n');
  await page.getByTestId('note-field').fill('the neighbour’s cat');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('note')).toContainText('the neighbour’s cat');
  const noted = async () =>
    (await eventsWithMedia(page, box, 6))
      .filter(({ note }) => note != null)
      .map(({ captured_at }) => captured_at.slice(11, 19));
  await expect.poll(noted).toEqual(['10:07:42']);
  // It is that one's alone.
  await page.keyboard.press('j');
  await expect(page.getByTestId('note')).toHaveText('Add a note');
});

test('a mark stands over a list that was on its way when it was made', async ({ page }) => {
  await open(page);
  const card = incidents(page).first();
  const before = await card.getAttribute('data-viewed');
  const after = before === 'true' ? 'false' : 'true';
  // The next answer is read before the mark is made, and comes after it.
  let release = (): void => undefined;
  const held = new Promise<void>((done) => (release = done));
  let waits = false;
  await page.route(/\/api\/v1\/incidents\?/, async (route) => {
    const answer = await route.fetch();
    waits = true;
    await held;
    await route.fulfill({ response: answer });
  });
  await page.getByTestId('view-events').click();
  await page.getByTestId('view-incidents').click();
  await expect.poll(() => waits).toBe(true);
  await card.focus();
  await page.keyboard.press('v');
  await expect(card).toHaveAttribute('data-viewed', after);
  const arrived = page.waitForResponse(/\/api\/v1\/incidents\?/);
  release();
  await (await arrived).finished();
  await page.waitForTimeout(300);
  // Now, and not when the next catching up has mended it.
  expect(await card.getAttribute('data-viewed')).toBe(after);
  await page.keyboard.press('v');
  await expect(card).toHaveAttribute('data-viewed', before ?? '');
});

test('looking through the clip on its card', async ({ page }) => {
  await open(page);
  const card = incidents(page).last();
  await card.hover({ position: { x: 40, y: 40 } });
  await expect(card.getByTestId('scrub')).toBeVisible();
  await page.mouse.move(0, 0);
  await expect(card.getByTestId('scrub')).toHaveCount(0);
});

test('it plays through by itself, and stays at its end', async ({ page }) => {
  await open(page);
  await incidents(page).nth(1).click();
  await expect(position(page)).toHaveText(/1 of 2/);
  await page.getByTestId('play-through').click();
  await page.getByTestId('video').evaluate((element: HTMLVideoElement) => {
    element.playbackRate = 4;
    return element.play();
  });
  await expect(position(page)).toHaveText(/2 of 2: Still/, { timeout: 15_000 });
  await expect(page.getByTestId('still')).toBeVisible();
  await page.getByTestId('play-through').click();
  await expect(page.getByTestId('play-through')).toHaveAttribute('aria-pressed', 'false');
});

for (const [width, viewport] of Object.entries(VIEWPORTS)) {
  test(`no violations at ${width} width`, async ({ page }) => {
    await page.setViewportSize(viewport);
    await open(page);
    await expectNoViolations(page);
    await incidents(page).last().click();
    await expect(page.getByTestId('companion')).toBeVisible();
    await expectNoViolations(page);
    await page.keyboard.press('Shift+V');
    await expect(page.getByRole('alertdialog')).toBeVisible();
    await expectNoViolations(page);
  });
}

test('links that are too old are renewed, and nothing looks broken', async ({ page }) => {
  await page.goto(box.url);
  await signIn(page, ADMIN, 'incidents');
  await eventsWithMedia(page, box, 6);
  const links = await ageLinks(page, /\/api\/v1\/incidents/);
  // A filtered list doesn't come with its page: it is asked for.
  await page.goto(`${box.url}/?camera=gate&camera=yard`);
  const list = page.getByTestId('timeline');
  await expect.poll(links.refused).toBeGreaterThan(0);
  await expect.poll(() => pictures(list)).toEqual({ drawn: 3, all: 3 });

  // So in the player: the clip, the other camera's, the strip's pictures.
  const before = links.refused();
  await incidents(page).last().click();
  const video = page.getByTestId('video');
  await expect
    .poll(() => video.evaluate((element: HTMLVideoElement) => element.readyState))
    .toBeGreaterThanOrEqual(2);
  const beside = page.getByTestId('companion').locator('video');
  await expect
    .poll(() => beside.evaluate((element: HTMLVideoElement) => element.readyState))
    .toBeGreaterThanOrEqual(2);
  const strip = page.getByRole('list', { name: 'Captures of this incident' });
  await expect.poll(() => pictures(strip)).toEqual({ drawn: 3, all: 3 });
  await expect.poll(links.refused).toBeGreaterThan(before);
  await expect(page.getByTestId('stage-trouble')).toHaveCount(0);
  await expect(page.getByTestId('message')).toHaveCount(0);
});

// The last two: they change what the others count on.
test('an incident goes on without its first capture, by another name', async ({ page }) => {
  await open(page);
  await upload('gate', '150000', 'still');
  await upload('yard', '150010', 'still');
  const newest = incidents(page).first();
  await expect(newest).toHaveAttribute('data-captures', '2');
  await newest.click();
  await expect(position(page)).toHaveText(/1 of 2: Still,\s+gate, 3:00:00 PM/);
  const address = page.url();
  await page.keyboard.press('Delete');
  await page.getByRole('button', { name: 'Delete for good' }).click();
  await expect(position(page)).toHaveText(/1 of 1: Still,\s+yard, 3:00:10 PM/);
  await expect.poll(() => page.url()).not.toBe(address);
  await page.reload();
  await expect(position(page)).toHaveText(/1 of 1: Still,\s+yard, 3:00:10 PM/);
  // The last one takes the page with it.
  await page.keyboard.press('Delete');
  await page.getByRole('button', { name: 'Delete for good' }).click();
  await expect(incidents(page)).toHaveCount(3);
});

test('what comes meanwhile joins its incident, or waits above', async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 500 });
  await open(page);
  await upload('yard', '120020', 'clip');
  const newest = incidents(page).first();
  await expect(newest).toHaveAttribute('data-captures', '2');
  await expect(newest).toContainText('gate → yard');
  await upload('yard', '130000', 'clip');
  await expect(incidents(page)).toHaveCount(4);
  // Its poster comes after it, by itself.
  await expect.poll(() => pictures(newest)).toEqual({ drawn: 1, all: 1 });
  await upload('pond', '133000', 'clip');
  await expect(incidents(page)).toHaveCount(5);

  // Further down nothing moves; the pill leads to it.
  await page.mouse.wheel(0, 10_000);
  await expect.poll(() => page.evaluate(() => scrollY)).toBeGreaterThan(160);
  const last = incidents(page).last();
  const stands = async () => (await last.boundingBox())?.y;
  const before = await stands();
  await upload('yard', '140000', 'still');
  const pill = page.getByTestId('new-events');
  await expect(pill).toHaveText('1 new');
  expect(await stands()).toBe(before);
  await pill.click();
  await expect(incidents(page).first()).toContainText('2:00:00 PM');
  await expect(pill).toBeHidden();

  // A clip of an hour ago is filed where it belongs.
  await page.reload();
  await expect(incidents(page).first()).toContainText('2:00:00 PM');
  await upload('gate', '133020', 'still');
  const joined = incidents(page).filter({ hasText: 'pond → gate' });
  await expect(joined).toHaveAttribute('data-captures', '2');
});
