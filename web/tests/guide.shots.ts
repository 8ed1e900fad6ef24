/**
 * The pictures of docs/guide, taken of the real program with the demo's events (`make pictures`): WebP, small, and the
 * same again from the same build, but for what tells of now (shares, tokens, the log).
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test, type Browser, type Page } from '@playwright/test';

import { cards, signIn, VIEWPORTS } from './support/app';
import { ADMIN, Box } from './support/box';
import { Demo, DEMO_ADMIN } from './support/demo';

const FOLDER = resolve(dirname(fileURLToPath(import.meta.url)), '../../docs/guide/pictures');
const MAX_BYTES = 60_000;
/** A Monday evening in Los Angeles, when most cameras see something. */
const UNTIL = '2026-10-20T02:40:00Z';
/** Somebody looks a little later. */
const LOOKED = '2026-10-20T02:52:00Z';
const EVENTS = 8_000;

interface Look {
  width: keyof typeof VIEWPORTS;
  theme?: 'light' | 'dark';
  /** The clock stands at the demo's evening; not where the server tells of now. */
  then?: boolean;
}

async function open(
  browser: Browser,
  baseURL: string,
  { width, theme, then }: Look,
): Promise<Page> {
  const context = await browser.newContext({
    baseURL,
    viewport: VIEWPORTS[width],
    deviceScaleFactor: width === 'phone' ? 1.5 : 1,
    colorScheme: theme ?? 'light',
    hasTouch: width === 'phone',
    isMobile: width === 'phone',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  if (then === true) await page.clock.setFixedTime(LOOKED);
  return page;
}

/** Takes the picture once all that is on the screen has been painted. */
async function take(page: Page, name: string): Promise<void> {
  await page.evaluate(async () => {
    await document.fonts.ready;
    const onScreen = [...document.images].filter((image) => {
      const { top, bottom } = image.getBoundingClientRect();
      return bottom > 0 && top < innerHeight;
    });
    await Promise.all(onScreen.map((image) => image.decode().catch(() => undefined)));
  });
  await page.waitForTimeout(400); // fades
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Emulation.setScrollbarsHidden', { hidden: true });
  for (const quality of [82, 70, 55, 40]) {
    const { data } = await cdp.send('Page.captureScreenshot', { format: 'webp', quality });
    const bytes = Buffer.from(data, 'base64');
    if (bytes.length > MAX_BYTES) continue;
    await mkdir(FOLDER, { recursive: true });
    await writeFile(join(FOLDER, `${name}.webp`), bytes);
    return;
  }
  throw new Error(`${name} is larger than ${MAX_BYTES} bytes`);
}

test.describe.configure({ mode: 'serial' });

test('a first start', async ({ browser }) => {
  const box = await Box.start({ CAMTRAIL__FTP__LISTEN: '0.0.0.0:2121' }); // as people see it

  try {
    const page = await open(browser, box.url, { width: 'phone' });
    await page.goto('./');
    await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
    await take(page, 'sign-in-phone');
    await page.context().close();
    const desk = await open(browser, box.url, { width: 'desk' });
    await desk.goto('./');
    await signIn(desk, ADMIN);
    await expect(desk.getByTestId('first-start')).toBeVisible();
    await take(desk, 'first-start-desk');
    await box.uploadText('hello', 'front-door/test.txt');
    await expect(desk.getByTestId('first-start')).toContainText('front-door');
    await desk.getByText('Waiting for the first clip').scrollIntoViewIfNeeded();
    await take(desk, 'test-upload-desk');
    await desk.context().close();
  } finally {
    await box.stop();
  }
});

test.describe('with a season of events', () => {
  let demo: Demo;
  test.beforeAll(async () => {
    test.setTimeout(20 * 60_000);
    demo = await Demo.start({ events: EVENTS, until: UNTIL });
  });
  test.afterAll(async () => {
    await demo?.stop();
  });

  async function signedIn(browser: Browser, look: Look): Promise<Page> {
    const page = await open(browser, demo.url, { then: true, ...look });
    await page.goto('./');
    await signIn(page, DEMO_ADMIN, 'incidents');
    return page;
  }

  for (const look of [
    { width: 'desk', theme: 'light' },
    { width: 'phone', theme: 'light' },
    { width: 'phone', theme: 'dark' },
  ] as const) {
    test(`looking, ${look.width}, ${look.theme}`, async ({ browser }) => {
      test.setTimeout(180_000);
      const page = await signedIn(browser, look);
      const suffix = look.theme === 'dark' ? `${look.width}-dark` : look.width;
      const incident = page.getByTestId('incident-card');
      await expect(incident.first()).toBeVisible();
      await expect(page.getByTestId('heat-strip')).toHaveAttribute('data-drawn', 'days');
      await take(page, `timeline-${suffix}`);

      await page.goto('./?view=events');
      await expect(cards(page).first()).toBeVisible();
      if (look.theme === 'light') await take(page, `events-${suffix}`);
      await cards(page, { kind: 'record' }).first().click();
      await expect(page.getByTestId('details')).toBeVisible();
      await page.waitForFunction(
        () =>
          (document.querySelector<HTMLVideoElement>('[data-testid=video]')?.readyState ?? 0) > 1,
      );
      await page.getByTestId('video').evaluate((video: HTMLVideoElement) => {
        video.pause();
        return new Promise((done) => {
          video.addEventListener('seeked', done, { once: true });
          video.currentTime = 3;
        });
      });
      await take(page, `event-${suffix}`);
      if (look.theme === 'dark') {
        await page.context().close();
        return;
      }
      await page.getByTestId('share').click();
      await expect(page.getByTestId('share-dialog')).toBeVisible();
      await take(page, `share-${suffix}`);
      await page.keyboard.press('Escape');

      await page.goto('./?view=incidents');
      await page.locator('[data-testid=incident-card]:not([data-captures="1"])').first().click();
      await expect(page.getByTestId('incident')).toBeVisible();
      await page.waitForTimeout(1_000);
      await take(page, `incident-${suffix}`);

      await page.goto('./cameras');
      await expect(page.getByTestId('camera').first()).toBeVisible();
      await take(page, `cameras-${suffix}`);
      await page.goto('./statistics');
      await expect(page.getByTestId('cost-total')).toBeVisible();
      await take(page, `statistics-${suffix}`);

      await page.goto('./');
      await page.getByTestId('calendar').click();
      await page.waitForTimeout(1_500);
      await take(page, `calendar-${suffix}`);
      await page.keyboard.press('Escape');
      if (look.width === 'desk') {
        await page.keyboard.press('?');
        await expect(page.getByRole('dialog', { name: 'Keyboard' })).toBeVisible();
        await take(page, 'keyboard-desk');
      }
      await page.context().close();
    });
  }

  test('settings', async ({ browser }) => {
    test.setTimeout(180_000);
    const page = await signedIn(browser, { width: 'desk', then: false });
    const post = async (path: string, data: unknown) => {
      const answer = await page.request.post(`${demo.url}/api/v1/${path}`, { data });
      expect(answer.status(), await answer.text()).toBe(201);
    };
    const events = await page.request.get(`${demo.url}/api/v1/events?kind=record&limit=1`);
    const { items } = (await events.json()) as { items: { id: string }[] };
    await post('users', { name: 'anna', password: 'a-fine-password', role: 'admin' });
    await post('users', {
      name: 'neighbour',
      password: 'a-fine-password',
      role: 'viewer',
      cameras: ['gate', 'driveway'],
    });
    await post('shares', { event_id: items[0]?.id, note: 'Is this your cat?' });
    await post('tokens', { name: 'Home Assistant', scopes: ['read'] });
    const groups = [
      { name: 'Outside', contains: ['gate', 'drive', 'yard', 'pond'], not_contains: [], in: [] },
    ];
    const put = await page.request.put(`${demo.url}/api/v1/groups`, { data: { items: groups } });
    const named = put.ok() ? 'Outside' : 'Groups of cameras';
    for (const [room, told] of [
      ['groups', named],
      ['account', 'Home Assistant'],
      ['notifications', 'Notifications'],
      ['shares', 'Is this your cat?'],
      ['people', 'neighbour'],
      ['log', 'anna'],
      ['about', 'About'],
    ] as const) {
      await page.goto(`./settings/${room}`);
      await expect(page.locator('main').getByText(told).first()).toBeVisible();
      await take(page, `settings-${room}-desk`);
    }
    await page.context().close();
  });
});
