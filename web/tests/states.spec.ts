/** Never a dead end: silence, nothing, errors, no network, and things that went while they were looked at. */
import { expect, test, type Page } from '@playwright/test';

import { cards, signIn, VIEWPORTS } from './support/app';
import { expectNoViolations } from './support/axe';
import { ADMIN, Box, CLIP, STILL } from './support/box';
import { eventsWithMedia } from './support/events';

/** Of the box that all share; what is added is told of where it is. */
const EVENTS = 3;
const SILENT_AFTER_S = 20;
/** Long enough for the app's own tries, and for a machine with much to do. */
const BACK_WITHIN_MS = 40_000;

let box: Box;
test.beforeAll(async () => {
  box = await Box.start();
  await box.upload(STILL, 'gate/snap/MDAlarm_20160830-155137.jpg');
  await box.upload(CLIP, 'gate/record/MDalarm_20160830_152954.mkv');
  await box.upload(STILL, 'pond/snap/MDAlarm_20160802-101500.jpg');
});
test.afterAll(() => box.stop());

/** A box of its own for as long as `use` lasts. */
async function withBox(
  extra: Record<string, string>,
  use: (own: Box) => Promise<void>,
): Promise<void> {
  const own = await Box.start(extra);
  try {
    await use(own);
  } finally {
    await own.stop();
  }
}

const notice = (page: Page) => page.getByTestId('notice');

test('nothing yet: help with the first camera, on the timeline and the cameras’ page', async ({
  page,
}) => {
  test.setTimeout(120_000);
  await withBox({}, async (empty) => {
    await page.goto(empty.url);
    await signIn(page, ADMIN, 'incidents');
    for (const path of ['/', '/cameras']) {
      await page.goto(`${empty.url}${path}`);
      await expect(page.getByTestId('first-start')).toMatchAriaSnapshot(`
        - heading "Let the first camera in" [level=2]
        - paragraph
        - term: Server address
        - term: Port
        - definition:
          - button "Copy port"
        - term: User
        - definition:
          - button "Copy user"
        - term: Password
        - term: Folder
        - term: Mode
        - status
      `);
      await expect(page.getByRole('status').filter({ hasText: 'Waiting for' })).toContainText(
        'the camera’s test upload or first clip',
      );
      for (const viewport of Object.values(VIEWPORTS)) {
        await page.setViewportSize(viewport);
        await expectNoViolations(page);
      }
    }
  });
});

test('a camera that goes silent is drawn as silent, and as heard when it is back', async ({
  page,
  browser,
}) => {
  test.setTimeout(300_000);
  const camera = `{ name = "gate", display_name = "Front gate", silent_after = "${SILENT_AFTER_S}s" }`;
  await withBox({ CAMTRAIL__CAMERA: `[${camera}]` }, async (own) => {
    await own.upload(STILL, 'gate/snap/MDAlarm_20160830-155137.jpg');
    await page.goto(own.url);
    await signIn(page, ADMIN, 'incidents');
    await expect(page.getByTestId('incident-card')).toHaveCount(1);
    await page.getByRole('link', { name: 'Cameras' }).click();
    const row = page.locator('[data-testid=camera][data-camera=gate]');
    await expect(row.getByRole('heading', { name: 'Front gate' })).toBeVisible();
    const timeline = await (await browser.newContext()).newPage();
    await timeline.goto(own.url);
    await signIn(timeline, ADMIN, 'incidents');
    await expect(timeline.getByTestId('incident-card')).toHaveCount(1);

    // By themselves, on pages that stay open.
    await expect(row).toContainText('Silent', { timeout: 90_000 });
    await expect(row).toContainText('Not a quiet place but an unheard camera');
    await expect(row).toMatchAriaSnapshot(`
      - listitem:
        - heading "Front gate" [level=2]
        - code: gate
        - text: Silent
        - term: Last heard
        - term: Kept
        - definition:
          - link "1 event of Front gate"
        - term: Clock
        - term: Zone
    `);
    for (const viewport of Object.values(VIEWPORTS)) {
      await page.setViewportSize(viewport);
      await expectNoViolations(page);
    }
    const badge = timeline.getByTestId('silent-cameras');
    await expect(badge).toContainText('Front gate silent', { timeout: 90_000 });
    await expectNoViolations(timeline);

    await own.upload(CLIP, 'gate/record/MDalarm_20160830_152954.mkv');
    await expect(row).not.toContainText('Silent', { timeout: 90_000 });
    await timeline.context().close();
  });
});

test('nothing fits, nothing older, no such thing: each has its way out', async ({ page }) => {
  test.setTimeout(180_000);
  await page.goto(box.url);
  await signIn(page, ADMIN);
  await eventsWithMedia(page, box, EVENTS);
  const states = [
    { path: '/?camera=nobody', title: 'Nothing matches', out: 'Clear filters' },
    {
      path: '/?camera=nobody&at=2001-01-01T00',
      title: 'Nothing older is kept',
      out: 'To the newest',
      then: 'Clear filters',
    },
    {
      path: '/?view=incidents&date=2001-01-01',
      title: 'Nothing matches',
      out: 'Clear filters',
    },
    { path: '/event/nonsense', title: 'This event is no longer kept', out: 'To the timeline' },
    {
      path: '/incident/nonsense',
      title: 'This incident is no longer kept',
      out: 'To the timeline',
    },
    { path: '/no/such/page', title: 'There is no such page', out: 'To the timeline' },
  ];
  for (const { path, title, out, then } of states) {
    await page.goto(`${box.url}${path}`);
    await expect(page.getByRole('heading', { name: title })).toBeVisible();
    await expectNoViolations(page);
    await notice(page).getByRole('button', { name: out }).click();
    if (then) await notice(page).getByRole('button', { name: then }).click();
    await expect(
      cards(page).or(page.getByTestId('incident-card')).first(),
      `${path}: ${out}`,
    ).toBeVisible();
  }
  // Where nothing is older, what is newer comes by itself.
  await page.goto(`${box.url}/?at=2001-01-01T00`);
  await expect(cards(page).first()).toBeVisible();
});

test('without its server each page says so, and comes back', async ({ page }) => {
  test.setTimeout(300_000);
  await page.goto(box.url);
  await signIn(page, ADMIN);
  const [event] = await eventsWithMedia(page, box, EVENTS);
  const refuse = (route: { abort: () => Promise<void> }) => route.abort();
  // A page that is kept from before has no first answers with it.
  await page.addInitScript(() => {
    const strip = () => document.getElementById('first-answers')?.remove();
    new MutationObserver(strip).observe(document, { childList: true, subtree: true });
  });
  const pages = [
    { path: '/', asks: /\/api\/v1\/events\?/, title: 'The events couldn’t be loaded' },
    {
      path: '/?view=incidents',
      asks: /\/api\/v1\/incidents\?/,
      title: 'The events couldn’t be loaded',
    },
    {
      path: `/event/${event?.id}`,
      asks: /\/api\/v1\/events\/[^/]+$/,
      title: 'The event couldn’t be loaded',
    },
    { path: '/statistics', asks: /\/api\/v1\/counts/, title: 'The statistics couldn’t be loaded' },
    { path: '/cameras', asks: /\/api\/v1\/cameras$/, title: 'The cameras couldn’t be loaded' },
  ];
  for (const { path, asks, title } of pages) {
    await page.route(asks, refuse);
    await page.goto(`${box.url}${path}`);
    const alert = page.getByRole('alert').filter({ hasText: title });
    await expect(alert).toBeVisible({ timeout: BACK_WITHIN_MS });
    await expectNoViolations(page);
    await page.unroute(asks, refuse);
    const again = alert.getByRole('button', { name: 'Try again' });
    // Some come back before one can press it.
    await again.click({ timeout: 5_000 }).catch(() => undefined);
    await expect(notice(page), path).toHaveCount(0, { timeout: BACK_WITHIN_MS });
  }
});

test('no network: it says so, keeps what it has, and catches up', async ({ page, context }) => {
  test.setTimeout(180_000);
  await page.goto(box.url);
  await signIn(page, ADMIN);
  await eventsWithMedia(page, box, EVENTS);
  await page.reload();
  await expect(cards(page)).toHaveCount(EVENTS);
  const status = page.getByTestId('live-status');
  await expect(status).toContainText('Live');
  await context.setOffline(true);
  await expect(status).toContainText('Offline');
  await expect(cards(page)).toHaveCount(EVENTS);
  await expectNoViolations(page);
  await cards(page, { kind: 'record' }).click();
  // What the list knew of it is there, and the picture says what is wrong.
  await expect(page.getByTestId('details')).toBeVisible();
  await expect(page.getByTestId('stage-trouble')).toContainText('can’t be reached', {
    timeout: BACK_WITHIN_MS,
  });
  await expectNoViolations(page);
  await context.setOffline(false);
  await box.upload(STILL, 'pond/snap/MDAlarm_20160803-101500.jpg');
  await page.getByTestId('stage-trouble').getByRole('button', { name: 'Try again' }).click();
  await expect
    .poll(() =>
      page.getByTestId('video').evaluate((element: HTMLVideoElement) => element.readyState),
    )
    .toBeGreaterThanOrEqual(2);
  await expect(status).toContainText('Live', { timeout: BACK_WITHIN_MS });
  await page.keyboard.press('Escape');
  await expect(cards(page)).toHaveCount(EVENTS + 1, { timeout: BACK_WITHIN_MS });
});

test('restart under an open list of incidents: nothing missed, nothing doubled', async ({
  page,
}) => {
  // High enough for all of them: only what is near the screen is in the page.
  await page.setViewportSize({ width: 1280, height: 3_000 });
  await page.goto(box.url);
  await signIn(page, ADMIN, 'incidents');
  const incidents = page.getByTestId('incident-card');
  const answer = await page.request.get(`${box.url}/api/v1/incidents`);
  const before = ((await answer.json()) as { items: unknown[] }).items.length;
  await expect(incidents).toHaveCount(before);
  await box.pause();
  await expect(page.getByTestId('live-status')).not.toContainText('Live');
  await expect(incidents).toHaveCount(before);
  await box.resume();
  await box.upload(STILL, 'pond/snap/MDAlarm_20160804-101500.jpg');
  await expect(incidents).toHaveCount(before + 1, { timeout: BACK_WITHIN_MS });
  await expect(page.getByTestId('live-status')).toContainText('Live');
});

test('deleted by somebody else while it is looked at', async ({ page }) => {
  await page.goto(box.url);
  await signIn(page, ADMIN);
  await cards(page, { camera: 'pond' }).first().click();
  await expect(page.getByTestId('still')).toBeVisible();
  const id = decodeURIComponent(new URL(page.url()).pathname.split('/').at(-1) ?? '');
  const answer = await page.request.delete(`${box.url}/api/v1/events/${id}`);
  expect(answer.ok(), await answer.text()).toBe(true);
  await expect(page.getByRole('heading', { name: 'This event is no longer kept' })).toBeVisible();
  await notice(page).getByRole('button', { name: 'To the timeline' }).click();
  await expect(page.locator(`[data-event-id="${id}"]`)).toHaveCount(0);
  await expect(cards(page).first()).toBeVisible();
});
