/** Groups of cameras: made with a preview, filtered by on the timeline, kept true against others. */
import { expect, test } from '@playwright/test';

import { cards, checkAccessibility, signIn } from './support/app';
import { ADMIN, Box, STILL } from './support/box';
import { eventsWithMedia } from './support/events';

let box: Box;
test.beforeEach(async () => {
  box = await Box.start();
});
test.afterEach(async () => {
  await box.stop();
});

test('a group is made, filters the timeline and its news, and goes again', async ({ page }) => {
  const path = 'snap/MDAlarm_20160830-155137.jpg';
  for (const camera of ['front door', 'Front indoor', 'backyard', 'garage']) {
    await box.upload(STILL, `${camera}/${path}`);
  }
  await page.goto(box.url);
  await signIn(page, ADMIN);
  await eventsWithMedia(page, box, 4);
  await page.getByRole('link', { name: 'Settings' }).click();
  await expect(page.getByRole('heading', { name: 'No groups yet' })).toBeVisible();
  await checkAccessibility(page);

  // By keys: the preview follows every word.
  await page.getByTestId('new-group').click();
  const editor = page.getByTestId('group-editor');
  const preview = page.getByTestId('group-preview');
  await expect(editor.getByLabel('Name', { exact: true })).toBeFocused();
  await page.keyboard.type('Outside');
  await expect(preview).toContainText('4 cameras of 4');
  await page.keyboard.press('Tab');
  await page.keyboard.type('FRONT');
  await page.keyboard.press('Enter');
  await expect(preview.getByRole('listitem')).toHaveText(['Front indoor', 'front door']);
  await editor.getByLabel('But not').fill('indoor');
  await page.keyboard.press('Enter');
  await expect(preview.getByRole('listitem')).toHaveText(['front door']);
  await editor.getByLabel('And these cameras').selectOption('backyard');
  await expect(preview).toContainText('2 cameras of 4');
  await checkAccessibility(page);
  await expect(preview).toMatchAriaSnapshot(`
    - heading "2 cameras of 4" [level=3]
    - list:
      - listitem: backyard
      - listitem: front door
  `);
  await editor.getByRole('button', { name: 'Save' }).click();
  const group = page.getByTestId('group');
  await expect(group).toContainText('Outside');
  await checkAccessibility(page);

  // The filter is in the address, and news are told apart by it.
  await group.getByRole('link').click();
  await expect(page).toHaveURL(/group=Outside/);
  await expect(cards(page)).toHaveCount(2);
  await box.upload(STILL, 'garage/snap/MDAlarm_20160830-160000.jpg');
  await box.upload(STILL, 'front door/snap/MDAlarm_20160830-160100.jpg');
  await expect(cards(page, { camera: 'front door' })).toHaveCount(2);
  await expect(cards(page)).toHaveCount(3);
  await page.reload();
  await expect(cards(page)).toHaveCount(3);
  await page.getByTestId('camera-filter').click();
  await expect(page.getByRole('radio', { name: 'Outside' })).toBeChecked();
  await page.getByRole('radio', { name: 'Any' }).check();
  await page.keyboard.press('Escape');
  await expect(cards(page)).toHaveCount(6);

  // Somebody else changes it under an open editor: nothing is overwritten.
  await page.goto(`${box.url}/settings`);
  await page.getByRole('button', { name: 'Edit Outside' }).click();
  const items = [{ name: 'Outside', contains: ['yard'] }, { name: 'Other' }];
  const put = await page.request.put(`${box.url}/api/v1/groups`, {
    data: { items },
    headers: { 'X-Camtrail': '1' },
  });
  expect(put.ok()).toBe(true);
  await editor.getByLabel('Name', { exact: true }).fill('Yard');
  await editor.getByRole('button', { name: 'Save' }).click();
  await expect(editor.getByRole('alert')).toContainText('Somebody else has changed');
  await editor.getByRole('button', { name: 'Cancel' }).click();
  await page.reload();
  await page.getByRole('button', { name: 'Delete Outside' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete the group' }).click();
  await expect(group).toHaveCount(1);
  await page.goto(`${box.url}/?group=Outside`);
  await expect(page.getByTestId('notice')).toContainText('there is no group');
});
