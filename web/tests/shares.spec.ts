/** Shares: made in the viewer, opened by somebody without an account, ended by time or by hand. */
import { expect, test } from '@playwright/test';

import { cards, checkAccessibility, signIn } from './support/app';
import { ADMIN, Box, CLIP } from './support/box';
import { eventsWithMedia } from './support/events';
import { addPerson, personIn } from './support/people';

const BEN = { username: 'ben', password: 'ben-looks-and-shares' };

for (const basePath of ['', '/cams']) {
  test.describe(basePath === '' ? 'at the root' : `below ${basePath}`, () => {
    let box: Box;
    test.beforeEach(async () => {
      box = await Box.start({ CAMTRAIL__HTTP__BASE_PATH: basePath });
    });
    test.afterEach(async () => {
      await box.stop();
    });

    test('a link is made by key, opened signed-out, counted and revoked', async ({
      page,
      browser,
      context,
    }) => {
      await context.grantPermissions(['clipboard-read', 'clipboard-write']);
      await box.upload(CLIP, 'backyard/record/MDalarm_20160830_152954.mkv');
      await page.goto(box.url);
      await signIn(page, ADMIN);
      await eventsWithMedia(page, box, 1);
      await cards(page).first().click();
      await expect(page.getByTestId('details')).toBeVisible();

      await page.keyboard.press('s');
      const dialog = page.getByTestId('share-dialog');
      await expect(dialog).toBeVisible();
      await checkAccessibility(page);
      await dialog.getByLabel('A word to them').fill('our fox');
      await dialog.getByRole('button', { name: 'Make and copy the link' }).click();
      const field = page.getByTestId('share-url');
      await expect(field).toHaveValue(/\/s\/.{20,}/);
      const link = await field.inputValue();
      expect(link.startsWith(`${box.url}/s/`)).toBe(true);
      await expect(dialog.getByRole('button', { name: 'Copied' })).toBeVisible();
      expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(link);
      await checkAccessibility(page);
      await dialog.getByRole('button', { name: 'Done' }).click();
      await expect(page.getByTestId('share')).toBeFocused();

      // Somebody without an account, and with nothing of ours in their browser.
      const stranger = await (await browser.newContext()).newPage();
      await stranger.goto(link);
      await expect(stranger.getByText('our fox')).toBeVisible();
      const video = stranger.locator('video');
      await expect
        .poll(() => video.evaluate((element: HTMLVideoElement) => element.readyState))
        .toBeGreaterThan(0);
      await checkAccessibility(stranger);

      await page.goto(`${box.url}/settings/shares`);
      const row = page.getByTestId('share-row');
      await expect(row).toContainText('Opened 1 time');
      await expect(row).toContainText('our fox');
      await checkAccessibility(page);
      await row.getByRole('button', { name: 'Revoke' }).click();
      await page.getByRole('alertdialog').getByRole('button', { name: 'Revoke' }).click();
      await expect(row).toHaveAttribute('data-state', 'revoked');
      const answer = await stranger.goto(link);
      expect(answer?.status()).toBe(410);
      await expect(stranger.getByText('This is no longer shared')).toBeVisible();
      await page.reload();
      await expect(row).toContainText('1 visit after its end');
    });
  });
}

test('one ends by itself, and one is taken back where it was made', async ({ page, browser }) => {
  const box = await Box.start();
  try {
    await box.upload(CLIP, 'backyard/record/MDalarm_20160830_152954.mkv');
    await page.goto(box.url);
    await signIn(page, ADMIN);
    const [event] = await eventsWithMedia(page, box, 1);
    const id = event?.id ?? '';
    // A minute is the shortest that there is.
    test.setTimeout(150_000);
    const made = await page.request.post(`${box.url}/api/v1/shares`, {
      data: { event_id: id, expires_in_s: 60 },
    });
    expect(made.status()).toBe(201);
    const expiring = new URL(((await made.json()) as { url: string }).url, box.url).href;
    const stranger = await (await browser.newContext()).newPage();
    expect((await stranger.goto(expiring))?.status()).toBe(200);

    await page.goto(`${box.url}/event/${id}`);
    await page.getByTestId('share').click();
    const dialog = page.getByTestId('share-dialog');
    await expect(dialog.getByText('opened 1 time')).toBeVisible();
    await dialog.getByLabel('It ends after').selectOption({ label: 'One hour' });
    await dialog.getByRole('button', { name: 'Make and copy the link' }).click();
    const link = await page.getByTestId('share-url').inputValue();
    expect((await stranger.goto(link))?.status()).toBe(200);
    await page.getByTestId('revoke-made').click();
    await expect(dialog.getByRole('button', { name: 'Make and copy the link' })).toBeVisible();
    expect((await stranger.goto(link))?.status()).toBe(410);

    await page.goto(`${box.url}/settings/shares`);
    await expect(page.locator('[data-testid=share-row][data-state=open]')).toHaveCount(1);
    // It says so itself, without being loaded again.
    await expect(page.locator('[data-testid=share-row][data-state=expired]')).toHaveCount(1, {
      timeout: 90_000,
    });
    expect((await stranger.goto(expiring))?.status()).toBe(410);
    await expect(stranger.getByText('This is no longer shared')).toBeVisible();
    await checkAccessibility(stranger);

    // What a viewer sees of shares is their own.
    await addPerson(page, box, BEN);
    const ben = await personIn(browser, box, BEN);
    await ben.goto(`${box.url}/settings/shares`);
    await expect(ben.getByRole('heading', { name: 'Nothing is shared' })).toBeVisible();
  } finally {
    await box.stop();
  }
});
