/** Review to zero: by keys, by thumb, on two devices, and what happens where the server says no. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test, type Page } from '@playwright/test';

import { cards, checkAccessibility, signIn } from './support/app';
import { ADMIN, Box, CLIP, STILL } from './support/box';
import { eventsWithMedia } from './support/events';

const EVENTS = 50;

let box: Box;
let folder: string;
test.beforeEach(async () => {
  box = await Box.start();
  folder = await mkdtemp(join(tmpdir(), 'camtrail-review-'));
});
test.afterEach(async () => {
  await box.stop();
  await rm(folder, { recursive: true, force: true });
});

/** So many different stills, a minute apart. */
async function uploadStills(count: number): Promise<void> {
  const source = `testsrc=s=640x360:r=1:d=${count}`;
  const words = ['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', source, join(folder, '%02d.jpg')];
  await promisify(execFile)('ffmpeg', words);
  const two = (n: number) => String(n).padStart(2, '0');
  for (let n = 1; n <= count; n += 1) {
    await box.upload(
      join(folder, `${two(n)}.jpg`),
      `backyard/snap/MDAlarm_20260815-10${two(n)}00.jpg`,
    );
  }
}

const viewedCards = (page: Page) => page.locator('[data-testid=event-card][data-viewed=true]');
const unviewedCards = (page: Page) => page.locator('[data-testid=event-card][data-viewed=false]');

/** Presses the key and says how long it took until the next event's poster was painted. */
async function stepTime(page: Page, key: string): Promise<number> {
  await page.evaluate((name) => {
    const before = document.querySelector<HTMLImageElement>('[data-testid=stage-poster]')?.src;
    const times = window as unknown as { painted: Promise<number> };
    times.painted = new Promise((done) => {
      addEventListener(
        'keydown',
        (press) => {
          if (press.key !== name) return;
          const began = performance.now();
          const look = () => {
            const poster = document.querySelector<HTMLImageElement>('[data-testid=stage-poster]');
            const there = poster?.complete === true && poster.naturalWidth > 0;
            if (there && poster.src !== before) {
              // Decoded, and the frame with it is over.
              const paint = () => requestAnimationFrame(() => done(performance.now() - began));
              void poster.decode().then(() => requestAnimationFrame(paint));
            } else requestAnimationFrame(look);
          };
          requestAnimationFrame(look);
        },
        { capture: true, once: true },
      );
    });
  }, key);
  await page.keyboard.press(key);
  return page.evaluate(() => (window as unknown as { painted: Promise<number> }).painted);
}

interface Shift {
  value: number;
  sources: { node: Element | null; previousRect: DOMRect; currentRect: DOMRect }[];
}

/** What moved since the page was loaded, by how much of the page: the sum of it, and what it was. */
function layoutShift(page: Page): Promise<{ sum: number; moved: string[] }> {
  return page.evaluate(
    () =>
      new Promise<{ sum: number; moved: string[] }>((done) => {
        let sum = 0;
        const moved: string[] = [];
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) {
            const { value, sources } = entry as unknown as Shift;
            sum += value;
            for (const { node, previousRect: from, currentRect: to } of sources)
              moved.push(
                `${node?.nodeName ?? 'gone'} ${node?.className.toString() ?? ''}: ${from.y} to ${to.y}, ${from.height} to ${to.height} high`,
              );
          }
        }).observe({ type: 'layout-shift', buffered: true });
        setTimeout(() => done({ sum, moved }), 200);
      }),
  );
}

test('fifty events by keys alone: each is seen, none is left', async ({ page }) => {
  test.setTimeout(180_000);
  await uploadStills(EVENTS);
  await page.goto(box.url);
  await signIn(page, ADMIN);
  await eventsWithMedia(page, box, EVENTS);
  await page.reload();
  await expect(unviewedCards(page).first()).toBeVisible();
  await expect(viewedCards(page)).toHaveCount(0);

  await page.waitForTimeout(500);
  const { sum, moved } = await layoutShift(page);
  expect(sum, `nothing moves while the page fills: ${moved.join('; ')}`).toBeLessThan(0.01);

  // A mark without opening, and back.
  await page.keyboard.press('j');
  await page.keyboard.press('v');
  await expect(viewedCards(page)).toHaveCount(1);
  await page.keyboard.press('z');
  await expect(page.getByTestId('message')).toContainText('Not viewed any more');
  await expect(viewedCards(page)).toHaveCount(0);

  await page.keyboard.press('Enter');
  await expect(page.getByTestId('still')).toBeVisible();
  const times: number[] = [];
  for (let n = 1; n < EVENTS; n += 1) times.push(await stepTime(page, 'j'));
  times.sort((a, b) => a - b);
  const [median, slowest] = [times[Math.floor(times.length / 2)] ?? 0, times.at(-1) ?? 0];
  const description = `key to poster: median ${median.toFixed(0)} ms, slowest ${slowest.toFixed(0)} ms`;
  test.info().annotations.push({ type: 'measured', description });
  await expect(page.getByTestId('next')).toBeDisabled();

  await page.keyboard.press('Escape');
  await expect(viewedCards(page).first()).toBeVisible();
  await expect(unviewedCards(page)).toHaveCount(0);
  const left = async () =>
    (await eventsWithMedia(page, box, EVENTS)).filter(({ viewed }) => viewed !== true).length;
  await expect.poll(left).toBe(0);
});

test('what one device marks, the other shows; and everything up to here', async ({ browser }) => {
  await uploadStills(6);
  const open = async () => {
    const page = await (await browser.newContext({ baseURL: box.url })).newPage();
    await page.goto(box.url);
    await signIn(page, ADMIN);
    await expect(cards(page)).toHaveCount(6);
    return page;
  };
  const [desk, sofa] = [await open(), await open()];
  // As when one turns to a page that was in the background.
  const turnTo = (page: Page) =>
    page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  const marked = await cards(desk).nth(1).getAttribute('data-event-id');
  await cards(desk).nth(1).focus();
  await desk.keyboard.press('v');
  await expect(async () => {
    await turnTo(sofa);
    await expect(sofa.locator(`[data-event-id="${marked}"]`)).toHaveAttribute(
      'data-viewed',
      'true',
      { timeout: 500 },
    );
  }).toPass({ timeout: 15_000 });
  await expect(viewedCards(sofa)).toHaveCount(1);

  await cards(desk).nth(3).focus();
  await desk.keyboard.press('Shift+V');
  const question = desk.getByRole('alertdialog');
  await expect(question).toContainText('of all cameras');
  await checkAccessibility(desk);
  await desk.keyboard.press('Escape');
  await expect(question).toBeHidden();
  await expect(viewedCards(desk)).toHaveCount(1);
  await cards(desk).nth(3).focus();
  await desk.keyboard.press('Shift+V');
  await question.getByRole('button', { name: 'Mark as viewed' }).click();
  await expect(viewedCards(desk)).toHaveCount(4);
  await expect(async () => {
    await turnTo(sofa);
    await expect(viewedCards(sofa)).toHaveCount(4, { timeout: 500 });
  }).toPass({ timeout: 15_000 });
  await Promise.all([desk.context().close(), sofa.context().close()]);
});

test('a mark that the server refuses is taken back, with a word, and can be tried again', async ({
  page,
}) => {
  await uploadStills(2);
  await page.goto(box.url);
  await signIn(page, ADMIN);
  await expect(unviewedCards(page)).toHaveCount(2);
  const refuse = '**/api/v1/events/*/viewed';
  await page.route(refuse, (route) =>
    route.fulfill({
      status: 503,
      contentType: 'application/problem+json',
      body: JSON.stringify({ title: 'Unavailable', detail: 'the list is being mended' }),
    }),
  );
  await cards(page).first().focus();
  await page.keyboard.press('v');
  const message = page.getByRole('alert').getByTestId('message');
  await expect(message).toContainText('Not marked as viewed. the list is being mended');
  await expect(unviewedCards(page)).toHaveCount(2);
  await checkAccessibility(page);
  await page.unroute(refuse);
  await message.getByRole('button', { name: 'Try again' }).click();
  await expect(viewedCards(page)).toHaveCount(1);
  await page.reload();
  await expect(viewedCards(page)).toHaveCount(1);
});

test('protect, note and delete, by keys; refusals leave things as they are', async ({ page }) => {
  await uploadStills(3);
  await page.goto(box.url);
  await signIn(page, ADMIN);
  await expect(cards(page)).toHaveCount(3);
  const events = await eventsWithMedia(page, box, 3);
  const now = async (id: string) => {
    const answer = await page.request.get(`${box.url}/api/v1/events/${id}`);
    return answer.ok() ? ((await answer.json()) as (typeof events)[number]) : answer.status();
  };
  const first = events[0]?.id ?? '';
  await cards(page).first().click();
  await expect(page.getByTestId('still')).toBeVisible();

  await expect(page.getByRole('group', { name: 'Actions' })).toMatchAriaSnapshot(`
    - group "Actions":
      - button "Viewed" [pressed]
      - button "All up to here"
      - button "Copy link"
      - button "Protect"
      - link "Download"
      - button "Share"
      - button "Delete"
  `);

  await page.keyboard.press('p');
  await expect(page.getByTestId('protect')).toHaveAttribute('aria-pressed', 'true');
  await expect.poll(() => now(first)).toMatchObject({ protected: true, viewed: true });
  await page.keyboard.press('Delete');
  await expect(page.getByTestId('message')).toContainText('Take the protection away first');

  await page.keyboard.press('n');
  await page.keyboard.type('the fox, again. d p v');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('note')).toContainText('the fox, again. d p v');
  await expect.poll(() => now(first)).toMatchObject({ note: 'the fox, again. d p v' });
  await checkAccessibility(page);
  await page.keyboard.press('z');
  await expect(page.getByTestId('note')).toContainText('Add a note');
  await expect.poll(() => now(first)).toMatchObject({ note: null });
  await page.keyboard.press('z');
  await expect(page.getByTestId('protect')).toHaveAttribute('aria-pressed', 'false');
  await expect.poll(() => now(first)).toMatchObject({ protected: false });

  await page.route('**/api/v1/events/*', (route) =>
    route.request().method() === 'PATCH' ? route.abort() : route.fallback(),
  );
  await page.keyboard.press('p');
  await expect(page.getByTestId('message')).toContainText('Not protected.');
  await expect(page.getByTestId('protect')).toHaveAttribute('aria-pressed', 'false');
  await page.unrouteAll();

  // Deleting asks, can be left, and goes on with the next event.
  await page.keyboard.press('#');
  await expect(page.getByRole('alertdialog')).toContainText('can’t be undone');
  await checkAccessibility(page);
  await page.keyboard.press('Escape');
  expect(await now(first)).toMatchObject({ id: first });
  await page.keyboard.press('Delete');
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete for good' }).click();
  await expect(page).toHaveURL(new RegExp(encodeURIComponent(events[1]?.id ?? 'none')));
  await expect.poll(() => now(first)).toBe(404);
  await page.keyboard.press('Escape');
  await expect(cards(page)).toHaveCount(2);
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test('a swipe goes to the next, the small rendition plays, and full is one tap away', async ({
    page,
  }) => {
    await box.stop();
    box = await Box.start({ CAMTRAIL__MEDIA__SMALL: 'true' });
    await box.upload(CLIP, 'backyard/record/MDalarm_20160830_152954.mkv');
    await box.upload(STILL, 'backyard/snap/MDAlarm_20160830-155137.jpg');
    await page.goto(box.url);
    await signIn(page, ADMIN);
    const events = await eventsWithMedia(page, box, 2);
    expect(events[1]?.small_url).not.toBeNull();
    await page.reload();
    await cards(page, { kind: 'snap' }).tap();
    await expect(page.getByTestId('still')).toBeVisible();
    const touch = await page.context().newCDPSession(page);
    const swipe = async (from: number, to: number) => {
      const at = (x: number) => ({ touchPoints: [{ x, y: 200 }] });
      await touch.send('Input.dispatchTouchEvent', { type: 'touchStart', ...at(from) });
      await touch.send('Input.dispatchTouchEvent', { type: 'touchMove', ...at((from + to) / 2) });
      await touch.send('Input.dispatchTouchEvent', { type: 'touchMove', ...at(to) });
      await touch.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    };
    await swipe(320, 80);
    const video = page.getByTestId('video');
    await expect(video).toBeVisible();
    await expect(video).toHaveAttribute('data-rendition', 'small');
    await expect
      .poll(() => video.evaluate((element: HTMLVideoElement) => element.videoWidth))
      .toBe(640);
    // At once: the swipe that came before must not take the tap.
    await page.getByTestId('quality').getByRole('button', { name: 'Full' }).tap();
    await expect(video).toHaveAttribute('data-rendition', 'full');
    await expect
      .poll(() => video.evaluate((element: HTMLVideoElement) => element.videoWidth))
      .toBe(1280);
    await page.reload(); // remembered
    await expect(video).toHaveAttribute('data-rendition', 'full');
    // Where there is none yet, a swipe leads nowhere.
    await expect(page.getByRole('button', { name: 'Previous event' })).toBeEnabled();
    await swipe(80, 320);
    await expect(page.getByTestId('still')).toBeVisible();

    // Everything that is pressed is big enough for a thumb.
    const small = await page.getByTestId('viewer').evaluate((viewer) =>
      [...viewer.querySelectorAll<HTMLElement>('button, a.button')]
        .map((element) => ({ box: element.getBoundingClientRect(), text: element.textContent }))
        .filter(({ box }) => box.height > 0 && (box.height < 36 || box.width < 36))
        .map(({ text }) => text.trim()),
    );
    expect(small).toEqual([]);
    await checkAccessibility(page);
  });
});
