/** The rooms of the settings: people, account, tokens, the log; who may enter which; and an outage. */
import { expect, test } from '@playwright/test';

import { cards, checkAccessibility, signIn } from './support/app';
import { ADMIN, Box, STILL } from './support/box';
import { eventsWithMedia } from './support/events';
import { addPerson, personIn, program } from './support/people';

const ANNA = { username: 'anna', password: 'anna-sees-the-gate' };
const SNAP = 'snap/MDAlarm_20160830-155137.jpg';

let box: Box;
test.beforeEach(async () => {
  box = await Box.start();
});
test.afterEach(async () => {
  await box.stop();
});

test('somebody is let in to one camera, given another, and locked out', async ({
  page,
  browser,
}) => {
  await box.upload(STILL, `gate/${SNAP}`);
  await box.upload(STILL, `garage/${SNAP}`);
  await page.goto(box.url);
  await signIn(page, ADMIN);
  await eventsWithMedia(page, box, 2);
  await page.goto(`${box.url}/settings/people`);
  await page.getByTestId('new-person').click();
  const form = page.getByTestId('person-form');
  await expect(form.getByLabel('Name', { exact: true })).toBeFocused();
  await form.getByLabel('Name', { exact: true }).fill('anna');
  await form.getByLabel('Password', { exact: true }).fill(ANNA.password);
  await form.getByLabel('only these').check();
  await form.locator('[data-camera="gate"]').check();
  await checkAccessibility(page);
  await form.getByRole('button', { name: 'Add them' }).click();
  const row = page.locator('[data-testid=person][data-person=anna]');
  await expect(row).toContainText('sees gate');
  await checkAccessibility(page);

  const anna = await personIn(browser, box, ANNA);
  await expect(cards(anna)).toHaveCount(1);
  await expect(cards(anna, { camera: 'gate' })).toHaveCount(1);
  // Rooms that aren't hers have no door, and are shut to who comes by the address.
  await anna.goto(`${box.url}/settings`);
  const doors = anna.getByRole('navigation', { name: 'Rooms of the settings' });
  await expect(doors.getByRole('link')).toHaveText([
    'Groups',
    'My account',
    'Notifications',
    'Shares',
    'About',
  ]);
  for (const room of ['people', 'log']) {
    await anna.goto(`${box.url}/settings/${room}`);
    await expect(anna.getByRole('heading', { name: 'This room is for admins' })).toBeVisible();
  }
  await checkAccessibility(anna);

  await row.getByRole('button', { name: 'Change anna' }).click();
  await form.locator('[data-camera="gate"]').uncheck();
  await form.locator('[data-camera="garage"]').check();
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(row).toContainText('sees garage');
  await anna.goto(box.url);
  await expect(cards(anna, { camera: 'garage' })).toHaveCount(1);
  await expect(cards(anna)).toHaveCount(1);

  await row.getByRole('button', { name: 'Lock out anna' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Lock out' }).click();
  await expect(row).toContainText('Locked out');
  await anna.reload();
  await expect(anna.getByRole('button', { name: 'Sign in' })).toBeVisible();
  await row.getByRole('button', { name: 'Let in anna' }).click();
  await expect(row).toContainText('sees garage');
  await signIn(anna, ANNA);

  // A second person of that name: the server's word stands in the form.
  await page.getByTestId('new-person').click();
  await form.getByLabel('Name', { exact: true }).fill('anna');
  await form.getByLabel('Password', { exact: true }).fill('another long one');
  await form.getByRole('button', { name: 'Add them' }).click();
  await expect(form.getByRole('alert')).toContainText('anna');

  await page.goto(`${box.url}/settings/log`);
  const log = page.getByTestId('audit');
  await expect(log).toContainText('Locked a person out');
  await expect(log).toContainText('Added a person');
  await checkAccessibility(page);
});

test('a token is made, used by a program, and worth nothing once revoked', async ({ page }) => {
  await page.goto(box.url);
  await signIn(page, ADMIN);
  await page.goto(`${box.url}/settings/account`);
  await expect(page.getByRole('heading', { name: 'No tokens' })).toBeVisible();
  await checkAccessibility(page);
  await page.getByTestId('new-token').click();
  await page.getByLabel('What uses it').fill('Home automation');
  await checkAccessibility(page);
  await page.getByRole('button', { name: 'Make the token' }).click();
  const token = await page.getByLabel('The token', { exact: true }).inputValue();
  expect(token).toMatch(/^ct_/);
  await checkAccessibility(page);

  const home = await program(token);
  const me = await home.get(`${box.url}/api/v1/session`);
  expect(((await me.json()) as { username: string }).username).toBe('admin');
  expect((await home.get(`${box.url}/api/v1/users`)).status()).toBe(403);

  // Told once: gone with the page.
  await page.reload();
  const row = page.getByTestId('token-row');
  await expect(row).toContainText('Home automation');
  await expect(row).toContainText('used');
  expect(await page.content()).not.toContain(token);
  await row.getByRole('button', { name: 'Revoke Home automation' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Revoke' }).click();
  await expect(row).toHaveCount(0);
  expect((await home.get(`${box.url}/api/v1/session`)).status()).toBe(401);
});

test('a password is changed, and other browsers are signed out', async ({ page, browser }) => {
  await page.goto(box.url);
  await signIn(page, ADMIN);
  await addPerson(page, box, ANNA);
  const here = await personIn(browser, box, ANNA);
  const there = await personIn(browser, box, ANNA);
  await here.goto(`${box.url}/settings/account`);
  await here.getByTestId('change-password').click();
  const form = here.getByRole('form', { name: 'Change my password' });
  await form.getByLabel('Password of now').fill('not this one');
  await form.getByLabel('New password', { exact: true }).fill('a much longer one');
  await form.getByLabel('New password, again').fill('a much longer ome');
  await form.getByRole('button', { name: 'Change the password' }).click();
  await expect(form.getByRole('alert')).toContainText('typed differently');
  await form.getByLabel('New password, again').fill('a much longer one');
  await form.getByRole('button', { name: 'Change the password' }).click();
  await expect(form.getByRole('alert')).toContainText('the password of now is another one');
  await checkAccessibility(here);
  await form.getByLabel('Password of now').fill(ANNA.password);
  await form.getByRole('button', { name: 'Change the password' }).click();
  await expect(here.getByText('Your password is changed')).toBeVisible();
  await here.reload();
  await expect(here.getByTestId('account-menu')).toBeVisible();
  await there.reload();
  await expect(there.getByRole('button', { name: 'Sign in' })).toBeVisible();
  await signIn(there, { ...ANNA, password: 'a much longer one' });
});

test('the log is read page by page, and a room comes back after an outage', async ({ page }) => {
  await page.goto(box.url);
  await signIn(page, ADMIN);
  for (let n = 0; n < 120; n += 1) {
    const data = { items: n % 2 === 0 ? [{ name: 'Outside', contains: ['yard'] }] : [] };
    expect((await page.request.put(`${box.url}/api/v1/groups`, { data })).ok()).toBe(true);
  }
  await page.goto(`${box.url}/settings/log`);
  const entries = page.getByTestId('audit').getByRole('listitem');
  await expect(entries).toHaveCount(100);
  await page.getByTestId('more').click();
  await expect(entries).toHaveCount(121); // and the sign-in
  await expect(page.getByTestId('more')).toHaveCount(0);

  await page.goto(`${box.url}/settings/about`);
  await expect(page.getByTestId('about')).toContainText('Camtrail');
  await checkAccessibility(page);
  await box.pause();
  await page.getByRole('link', { name: 'People' }).click();
  const notice = page.getByTestId('notice');
  await expect(notice).toContainText('Couldn’t load the people', { timeout: 30_000 });
  await checkAccessibility(page);
  await box.resume();
  // By itself.
  await expect(page.locator('[data-testid=person]')).toHaveCount(1, { timeout: 40_000 });
});
