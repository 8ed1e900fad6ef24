/** Statistics: every figure is the API's, and the cost is reckoned from it. */
import { expect, test, type Page } from '@playwright/test';

import { signIn, VIEWPORTS } from './support/app';
import { expectNoViolations } from './support/axe';
import { ADMIN, Box, CLIP } from './support/box';
import { eventsWithMedia } from './support/events';
import { daysAgo, uploadStill } from './support/times';

const EVENTS = 6;

let box: Box;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  box = await Box.start();
  await uploadStill(box, 'gate', daysAgo(0), '001000');
  await uploadStill(box, 'gate', daysAgo(2), '090000');
  await uploadStill(box, 'yard', daysAgo(2), '093000');
  await uploadStill(box, 'yard', daysAgo(20), '183000');
  await uploadStill(box, 'yard', daysAgo(60), '180000');
  const day = daysAgo(3).replaceAll('-', '');
  await box.upload(CLIP, `gate/record/MDalarm_${day}_152954.mkv`);
});
test.afterAll(() => box.stop());

interface Count {
  date: string | null;
  hour: number | null;
  camera_name: string | null;
  records: number;
  snaps: number;
  bytes: number;
}

async function counts(page: Page, query: string): Promise<Count[]> {
  const answer = await page.request.get(`${box.url}/api/v1/counts?${query}`);
  return ((await answer.json()) as { items: Count[] }).items;
}

const sum = (items: Count[]) => items.reduce((all, { records, snaps }) => all + records + snaps, 0);
const bytes = (items: Count[]) => items.reduce((all, count) => all + count.bytes, 0);

/** What the chart's table says, by its first column. */
async function table(page: Page, chart: string): Promise<Map<string, string>> {
  const section = page.getByTestId(chart);
  await section.getByRole('button', { name: /^Table/ }).click();
  const rows = await section
    .locator('tbody tr')
    .evaluateAll((all) =>
      all.map((row) => [...row.children].map((cell) => cell.textContent.trim())),
    );
  return new Map(rows.map(([label = '', value = '']) => [label, value]));
}

const shortDay = (date: string) =>
  new Intl.DateTimeFormat('en-US', { month: 'short', day: 'numeric', timeZone: 'UTC' }).format(
    Date.parse(`${date}T00:00:00Z`),
  );

test('with nothing captured it says so', async ({ page }) => {
  const empty = await Box.start();
  try {
    await page.goto(empty.url);
    await signIn(page, ADMIN);
    await page.goto(`${empty.url}/statistics`);
    await expect(page.getByTestId('statistics')).toContainText('0 events');
    await expect(page.getByTestId('cost')).toContainText('there is nothing to reckon from');
    await expectNoViolations(page);
  } finally {
    await empty.stop();
  }
});

test('its figures are the API’s, for the days that are asked for', async ({ page }) => {
  await page.goto(box.url);
  await signIn(page, ADMIN);
  await eventsWithMedia(page, box, EVENTS);
  // By its address, as a bookmark has it.
  await page.goto(`${box.url}/statistics`);
  const by = page.getByTestId('by-day');
  await expect(by).toBeVisible();

  const all = await counts(page, 'by=day');
  expect(sum(all)).toBe(EVENTS);
  await expect(page.getByTestId('statistics')).toContainText(`${sum(all)} events`);

  const within = `from=${daysAgo(29)}&to=${daysAgo(-1)}`;
  const byDay = await table(page, 'by-day');
  for (const count of await counts(page, `by=day&${within}`)) {
    const label = shortDay(count.date ?? '');
    expect([label, byDay.get(label)]).toEqual([label, String(sum([count]))]);
  }
  const drawn = [...byDay.values()].reduce((total, value) => total + Number(value), 0);
  expect(drawn, 'and nothing else').toBe(sum(await counts(page, `by=day&${within}`)));

  const hours = await table(page, 'by-hour');
  const ofHours = await counts(page, `by=hour&${within}`);
  expect(hours.get('9 AM')).toBe(String(sum(ofHours.filter(({ hour }) => hour === 9))));
  expect(hours.get('9 AM')).toBe('2');
  expect(hours.get('3 PM')).toBe('1');
  expect(hours.get('4 PM')).toBe('0');
  expect(hours.size).toBe(24);

  const cameras = await counts(page, `by=camera&${within}`);
  const byCamera = await table(page, 'by-camera');
  for (const count of cameras) {
    expect(byCamera.get(count.camera_name ?? '')).toBe(String(sum([count])));
  }
  expect([...byCamera.keys()], 'the busiest first').toEqual(['gate', 'yard']);

  // Another stretch: the one of sixty days ago comes in.
  await page.getByTestId('range').selectOption({ label: 'Last 90 days' });
  await expect
    .poll(async () =>
      by
        .locator('tbody td')
        .evaluateAll((cells) =>
          cells.reduce((total, { textContent }) => total + Number(textContent), 0),
        ),
    )
    .toBe(EVENTS);
});

test('the cost of a camera a month follows from bytes, captures and one’s own prices', async ({
  page,
}) => {
  await page.goto(box.url);
  await signIn(page, ADMIN);
  await page.goto(`${box.url}/statistics`);
  const cost = page.getByTestId('cost');
  await page.getByTestId('price-perGb').fill('40');
  await page.getByTestId('price-perThousandPuts').fill('10');
  await page.getByTestId('price-days').fill('100');
  await page.getByTestId('range').selectOption({ label: 'Last 7 days' });
  const lately = await counts(page, `by=camera&from=${daysAgo(6)}&to=${daysAgo(-1)}`);
  const cameraDays = lately.length * 7;
  const storage = (bytes(lately) / 1e9 / cameraDays) * 100 * 40;
  // Each capture is three objects: itself, its poster, what is known of it.
  const writes = ((sum(lately) / cameraDays) * 3 * 30.4 * 10) / 1_000;
  const total = storage + writes;
  await expect(page.getByTestId('cost-total')).toContainText(total.toFixed(total < 0.1 ? 4 : 2));
  // This browser remembers the prices, and forgets them where it is told to.
  await page.reload();
  await expect(page.getByTestId('price-perGb')).toHaveValue('40');
  await cost.getByRole('button', { name: 'List prices' }).click();
  await expect(page.getByTestId('price-perGb')).toHaveValue('0.023');
});

for (const [width, viewport] of Object.entries(VIEWPORTS)) {
  test(`no violations at ${width} width, drawn and as tables`, async ({ page }) => {
    await page.setViewportSize(viewport);
    await page.goto(box.url);
    await signIn(page, ADMIN);
    await page.goto(`${box.url}/statistics`);
    await expect(page.getByTestId('by-day')).toBeVisible();
    await expectNoViolations(page);
    await expect(page.getByTestId('by-day')).toMatchAriaSnapshot(`
      - region "Events by day":
        - heading "Events by day" [level=2]
        - button "Table of Events by day"
        - img /Events by day. Most:/
    `);
    await table(page, 'by-day');
    await expectNoViolations(page);
    await expect(page.getByTestId('by-day').getByRole('table')).toMatchAriaSnapshot(`
      - table:
        - rowgroup:
          - row:
            - columnheader "Day"
            - columnheader "Events"
    `);
  });
}
