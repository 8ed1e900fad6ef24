/** The way to any day: heat strip, calendar, and what they count. */
import { expect, test, type Page } from '@playwright/test';

import { cards, filterCamera, signIn, VIEWPORTS } from './support/app';
import { expectNoViolations } from './support/axe';
import { ADMIN, Box } from './support/box';
import { eventsWithMedia } from './support/events';
import { ageLinks } from './support/links';
import { daysAgo, uploadStill } from './support/times';

/** So many stills on these days. The newest is past whenever in the day this runs. */
const DAYS = [
  { ago: 0, times: ['000000'] },
  { ago: 1, times: ['090000', '091000', '220000'] },
  { ago: 12, times: ['060000', '180000'] },
  { ago: 40, times: ['030000'] },
  { ago: 75, times: ['120000', '130000', '140000', '150000'] },
];
const EVENTS = DAYS.flatMap(({ times }) => times).length;

let box: Box;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  box = await Box.start();
  for (const { ago, times } of DAYS) {
    for (const time of times) await uploadStill(box, 'gate', daysAgo(ago), time);
  }
});
test.afterAll(() => box.stop());

interface DayCount {
  date: string;
  records: number;
  snaps: number;
}

async function open(page: Page): Promise<Map<string, number>> {
  await page.goto(box.url);
  await signIn(page, ADMIN);
  await eventsWithMedia(page, box, EVENTS);
  await page.reload();
  await expect(page.getByTestId('heat-strip')).toHaveAttribute('data-drawn', 'days');
  const answer = await page.request.get(`${box.url}/api/v1/counts?by=day`);
  const { items } = (await answer.json()) as { items: DayCount[] };
  return new Map(items.map(({ date, records, snaps }) => [date, records + snaps]));
}

const strip = (page: Page) => page.getByTestId('heat-strip');
const longDay = (date: string) =>
  new Intl.DateTimeFormat('en-US', { month: 'long', day: 'numeric', timeZone: 'UTC' }).format(
    Date.parse(`${date}T00:00:00Z`),
  );
/** Newer ones are loaded above it: what was gone to is on the screen. */
const isOnScreen = (page: Page, moment: string) =>
  expect(page.locator(`[data-testid=event-card] time[datetime^="${moment}"]`)).toBeInViewport();

test('the heat strip leads to a day, by pointer and by keys, and says what the API counts', async ({
  page,
}) => {
  const counts = await open(page);
  expect(counts.size).toBe(DAYS.length);
  const from = daysAgo(75);

  // The pointer: as long as it is down only the cursor moves; then the list is there.
  const track = await strip(page).boundingBox();
  if (!track) throw new Error('there is no strip');
  const middleOf = (ago: number) => track.x + (track.width * (75 - ago + 0.5)) / 76;
  await page.mouse.move(middleOf(30), track.y + 20);
  await page.mouse.down();
  await page.mouse.move(middleOf(12), track.y + 20, { steps: 5 });
  const twelve = daysAgo(12);
  await expect(strip(page)).toHaveAttribute(
    'aria-valuetext',
    new RegExp(`${longDay(twelve)}.*: ${counts.get(twelve)} events that day`),
  );
  expect(new URL(page.url()).searchParams.has('at')).toBe(false);
  await page.mouse.up();
  await expect(page).toHaveURL(new RegExp(`at=${twelve}T23`));
  await isOnScreen(page, `${twelve}T18:00`);

  // The list goes on above, to what is newer; and back to now.
  await page.getByTestId('to-now').click();
  await isOnScreen(page, `${daysAgo(0)}T00:00`);

  // Keys: to the oldest day, and a day on; the list follows when the hand rests.
  await strip(page).focus();
  await page.keyboard.press('Home');
  await expect(strip(page)).toHaveAttribute(
    'aria-valuetext',
    new RegExp(`${longDay(from)}.*: ${counts.get(from)} events that day`),
  );
  await expect(page).toHaveURL(new RegExp(`at=${from}T23`));
  await isOnScreen(page, `${from}T15:00`);
  await strip(page).focus();
  await page.keyboard.press('ArrowRight');
  await expect(strip(page)).toHaveAttribute('aria-valuetext', /: 0 events that day/);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(`at=${daysAgo(74)}T`));
  await isOnScreen(page, `${from}T15:00`);

  // By hours: the number is that hour's.
  await page.getByTestId('heat-hours').click();
  await expect(strip(page)).toHaveAttribute('data-drawn', 'hours');
  const grid = await strip(page).boundingBox();
  if (!grid) throw new Error('there is no strip');
  const heightOf = (hour: number) => grid.y + (grid.height * (23.5 - hour)) / 24;
  await page.mouse.move(grid.x + grid.width / 152, heightOf(11));
  await page.mouse.down();
  await expect(strip(page)).toHaveAttribute('aria-valuetext', /11 AM: 0 events$/);
  await page.mouse.move(grid.x + grid.width / 152, heightOf(13));
  await expect(strip(page)).toHaveAttribute('aria-valuetext', /1 PM: 1 event$/);
  await page.mouse.up();
  await expect(page).toHaveURL(new RegExp(`at=${from}T13`));
  await isOnScreen(page, `${from}T13:00`);
  await page.getByTestId('heat-hours').click();
});

test('the calendar marks what the API counts, and what is not viewed', async ({ page }) => {
  const counts = await open(page);
  await page.getByTestId('calendar').click();
  const calendar = page.getByRole('dialog', { name: 'Calendar' });
  const dayOf = (ago: number) =>
    calendar.locator(`[data-bits-day][data-value="${daysAgo(ago)}"]:not([data-outside-month])`);
  /** Leafs back to that month. */
  const leafTo = async (ago: number) => {
    for (let leaf = 0; leaf < 4 && (await dayOf(ago).count()) === 0; leaf += 1) {
      const heading = calendar.locator('.calendar-heading');
      const before = (await heading.textContent()) ?? '';
      await calendar.getByRole('button', { name: 'Month before' }).click();
      await expect(heading).not.toHaveText(before);
    }
    await expect(dayOf(ago)).toBeVisible();
  };
  await expect(dayOf(0)).toHaveAttribute('data-unviewed', 'true');
  for (const { ago } of DAYS) {
    await leafTo(ago);
    await expect(dayOf(ago)).toHaveAttribute('data-events', String(counts.get(daysAgo(ago))));
    await expect(dayOf(ago)).toHaveAttribute('data-unviewed', 'true');
    await expect(dayOf(ago)).toHaveAttribute(
      'aria-label',
      new RegExp(`: ${counts.get(daysAgo(ago))} events?, some not viewed$`),
    );
  }
  await leafTo(74);
  await expect(dayOf(74)).toHaveAttribute('data-events', '0');
  await expect(dayOf(74)).toHaveAttribute('data-unviewed', 'false');

  // A day is gone to, with all that is older below it.
  await leafTo(75);
  await dayOf(75).click();
  await expect(page).toHaveURL(new RegExp(`at=${daysAgo(75)}T23`));
  await expect(calendar).toBeHidden();
  await expect(page.getByTestId('calendar')).toBeFocused();
  await isOnScreen(page, `${daysAgo(75)}T15:00`);

  // Or it is the only one. What is viewed there has no bright dot any more.
  const gone = page.locator(`[data-testid=event-card]:has(time[datetime^="${daysAgo(75)}T15:00"])`);
  await gone.focus();
  await page.keyboard.press('Shift+V');
  await page.getByRole('alertdialog').getByRole('button', { name: 'Mark as viewed' }).click();
  await expect(gone).toHaveAttribute('data-viewed', 'true');
  await page.goto(`${box.url}/?date=${daysAgo(75)}`);
  await expect(cards(page)).toHaveCount(4);
  await page.getByTestId('calendar').click();
  await expect(dayOf(75)).toHaveAttribute('data-selected', '');
  await expect(dayOf(75)).toHaveAttribute('data-unviewed', 'false');
  await expect(dayOf(75)).toHaveAttribute('data-events', '4');
  await calendar.getByRole('button', { name: 'All days' }).click();
  await expect(page).not.toHaveURL(/date=/);
  await expect(cards(page).first()).toHaveAttribute('href', /./);
  await isOnScreen(page, `${daysAgo(0)}T00:00`);
});

test('links that are too old are renewed on the list of events and in the viewer', async ({
  page,
}) => {
  await page.goto(box.url);
  await signIn(page, ADMIN);
  await eventsWithMedia(page, box, EVENTS);
  const links = await ageLinks(page, /\/api\/v1\/events(\?|\/[^/]+$)/);
  // A filtered list doesn't come with its page: it is asked for.
  await page.goto(`${box.url}/?camera=gate`);
  await expect(cards(page).first()).toBeVisible();
  const drawn = () =>
    cards(page)
      .locator('img')
      .evaluateAll(
        (images) => images.filter((image) => (image as HTMLImageElement).naturalWidth > 100).length,
      );
  const shown = await cards(page).count();
  await expect.poll(drawn).toBeGreaterThanOrEqual(Math.min(shown, 4));
  await expect.poll(async () => (await cards(page).count()) - (await drawn())).toBe(0);
  await expect.poll(links.refused).toBeGreaterThan(0);
  const refused = links.refused();
  const address = await cards(page).first().getAttribute('href');
  await page.goto(new URL(address ?? '', `${box.url}/`).href);
  await expect
    .poll(() => page.getByTestId('still').evaluate((image: HTMLImageElement) => image.naturalWidth))
    .toBeGreaterThan(100);
  await expect.poll(links.refused).toBeGreaterThan(refused);
  await expect(page.getByTestId('stage-trouble')).toHaveCount(0);
});

for (const [width, viewport] of Object.entries(VIEWPORTS)) {
  test(`no violations at ${width} width: list, calendar, viewer, keys`, async ({ page }) => {
    test.setTimeout(300_000);
    await page.setViewportSize(viewport);
    await open(page);
    await expectNoViolations(page);
    await page.getByTestId('calendar').click();
    await expect(page.getByRole('dialog', { name: 'Calendar' })).toBeVisible();
    await expectNoViolations(page);
    await page.keyboard.press('Escape');
    await page.getByTestId('camera-filter').click();
    await expect(page.getByRole('checkbox').first()).toBeVisible();
    await expectNoViolations(page);
    await page.keyboard.press('Escape');
    await cards(page).first().click();
    await expect(page.getByTestId('details')).toBeVisible();
    await expectNoViolations(page);
    await page.keyboard.press('?');
    await expect(page.getByRole('dialog', { name: 'Keyboard' })).toBeVisible();
    await expectNoViolations(page);
  });
}

test('labels and order: the timeline, the viewer, the help', async ({ page }) => {
  await open(page);
  await expect(page.getByRole('banner')).toMatchAriaSnapshot(`
    - banner:
      - button "Skip to content"
      - link "Camtrail"
      - navigation "Main":
        - link "Timeline"
        - link "Cameras"
        - link "Statistics"
        - link "Settings"
      - status: Live
      - button "Menu"
  `);
  await expect(page.getByRole('main')).toMatchAriaSnapshot(`
    - main:
      - heading "Timeline" [level=1]
      - group "Filters":
        - button "All cameras"
        - button "Day"
        - button "Unviewed"
        - button "Protected"
        - group "Kind":
          - button "All" [pressed]
          - button "Clips"
          - button "Stills"
      - group "Cards show":
        - button "Incidents"
        - button "Single events" [pressed]
      - slider "Go to a day and hour"
      - button "Hours"
      - paragraph: /Left and right/
      - region /Today/:
        - heading /Today/ [level=2]
        - list:
          - listitem:
            - link /Still, 12:00:00 AM gate/
      - region /Yesterday/
  `);
  // The focus goes the same way.
  const order: string[] = [];
  await page.getByTestId('camera-filter').focus();
  for (let n = 0; n < 10; n += 1) {
    order.push(
      await page.evaluate(() => {
        const at = document.activeElement;
        return (at?.getAttribute('aria-label') ?? at?.textContent ?? '').trim();
      }),
    );
    await page.keyboard.press('Tab');
  }
  expect(order).toEqual([
    'All cameras',
    'Day',
    'Unviewed',
    'Protected',
    'All',
    'Clips',
    'Stills',
    'Incidents',
    'Single events',
    'Go to a day and hour',
  ]);
  await cards(page).first().click();
  await expect(page.getByTestId('viewer')).toMatchAriaSnapshot(`
    - button "Back to the timeline"
    - heading /gate .*12:00:00 AM/ [level=1]
    - button "Previous event (newer)" [disabled]
    - button "Next event (older)"
    - img "Still from gate, 12:00:00 AM"
    - complementary "Details":
      - group "Actions"
      - button "Add a note"
      - term: Captured
      - term: Arrived
      - term: Stored
      - term: Camera
  `);
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog')).toMatchAriaSnapshot(`
    - dialog "Keyboard":
      - heading "Keyboard" [level=2]
      - button "Close"
      - heading "Everywhere" [level=3]
      - heading "On the timeline" [level=3]
      - heading "While watching" [level=3]
  `);
  await expect(page.getByRole('button', { name: 'Close' })).toBeFocused();
});

test('a browser comes back to its cameras, says so, and gives all of them at a press', async ({
  page,
}) => {
  await open(page);
  await filterCamera(page, 'gate');
  await expect(page).toHaveURL(/\?camera=gate$/);
  await page.goto('about:blank');
  await page.goto(box.url);
  await expect(page).toHaveURL(/\?camera=gate$/);
  const message = page.getByTestId('message');
  await expect(message).toContainText('Filtered as the last time.');
  await message.getByRole('button', { name: 'Show all' }).click();
  await expect(page).not.toHaveURL(/camera=/);
  await page.goto('about:blank');
  await page.goto(box.url);
  await expect(cards(page).first()).toBeVisible();
  await expect(page).not.toHaveURL(/camera=/);
  await expect(message).toHaveCount(0);
  // A link says itself what it shows.
  await page.goto(`${box.url}/?kind=snap`);
  await expect(page).toHaveURL(/\?kind=snap$/);
});

test('the strip follows what comes while the page is open', async ({ page }) => {
  await open(page);
  // At the top: of today.
  const told = () => strip(page).getAttribute('aria-valuetext');
  const before = await told();
  await uploadStill(box, 'gate', daysAgo(0), '000001');
  await expect.poll(told, { timeout: 20_000 }).not.toBe(before);
});
