/** Signing in by password: how it goes wrong, and sessions that end under an open page. */
import { expect, test } from '@playwright/test';

import { signIn } from './support/app';
import { expectNoViolations } from './support/axe';
import { ADMIN, Box } from './support/box';
import { addPerson, personIn, program } from './support/people';

const ANNA = { username: 'anna', password: 'anna-sees-the-gate' };

let box: Box;
test.beforeEach(async () => {
  box = await Box.start();
});
test.afterEach(async () => {
  await box.stop();
});

test('a wrong password is told, too many wait, and then the right one is let in', async ({
  page,
}) => {
  await page.goto(`${box.url}/settings/about`);
  const button = page.getByRole('button', { name: 'Sign in' });
  await expect(page.locator('main')).toMatchAriaSnapshot(`
    - main:
      - heading "Camtrail" [level=1]
      - textbox "Name"
      - textbox "Password"
      - button "Sign in"
  `);
  await expectNoViolations(page);
  // By keys: name, password, Enter; the mark is in the name from the start.
  await expect(page.getByLabel('Name', { exact: true })).toBeFocused();
  await page.keyboard.type('admin');
  await page.keyboard.press('Tab');
  const password = page.getByLabel('Password', { exact: true });
  await expect(password).toBeFocused();
  await page.keyboard.type('not this one');
  await page.keyboard.press('Enter');
  const problem = page.getByRole('alert');
  await expect(problem).toHaveText('That name and password don’t go together.');
  await expect(password).toBeFocused();
  await expect(password).toHaveValue('');
  await expectNoViolations(page);

  // A name that nobody has is told the same: who is here stays unknown.
  await page.getByLabel('Name', { exact: true }).fill('nobody');
  await password.fill('not this one');
  await page.keyboard.press('Enter');
  await expect(problem).toHaveText('That name and password don’t go together.');

  // A script goes on trying, until this place has to wait.
  const script = await program();
  const tries = async () =>
    (
      await script.post(`${box.url}/api/v1/session`, {
        data: { username: 'admin', password: 'guess' },
      })
    ).status();
  await expect.poll(tries, { intervals: [0] }).toBe(429);
  // The wait doubles with each wrong try: one that is long enough to be seen on a slow machine.
  for (let more = 0; more < 8; more += 1) {
    const answer = await script.post(`${box.url}/api/v1/session`, {
      data: { username: 'admin', password: 'guess' },
    });
    const wait = Number(answer.headers()['retry-after'] ?? 0);
    if (wait > 4) break;
    await page.waitForTimeout(wait * 1000);
  }
  await page.getByLabel('Name', { exact: true }).fill(ADMIN.username);
  await password.fill(ADMIN.password);
  await page.keyboard.press('Enter');
  await expect(problem).toContainText(/Too many attempts\. Try again in \d+ s/);
  await expect(button).toBeDisabled();
  await expectNoViolations(page);
  await expect(button).toBeEnabled({ timeout: 70_000 });
  await button.click();
  await expect(page.getByTestId('about')).toBeVisible();
});

test('a session that ended under an open page: signed in again, one is where one was', async ({
  page,
  browser,
  context,
}) => {
  await page.goto(`${box.url}/settings/account`);
  await signIn(page, ADMIN);
  await addPerson(page, box, ANNA);
  await page.getByTestId('new-token').click();
  await page.getByLabel('What uses it').fill('Home automation');
  await context.clearCookies();
  await page.getByRole('button', { name: 'Make the token' }).click();
  await expect(page.getByText('Your session has ended.')).toBeVisible();
  await expectNoViolations(page);
  await signIn(page, ADMIN);
  await expect(page.getByRole('heading', { name: 'Tokens for programs' })).toBeVisible();
  await expect(page.getByRole('heading', { name: 'No tokens' })).toBeVisible();

  // Somebody else at the same browser sees nothing of the first one.
  await page.goto(`${box.url}/settings/people`);
  await expect(page.locator('[data-testid=person]')).toHaveCount(2);
  await context.clearCookies();
  await page.getByRole('link', { name: 'Log', exact: true }).click();
  await expect(page.getByText('Your session has ended.')).toBeVisible();
  await signIn(page, ANNA);
  await expect(page.getByRole('heading', { name: 'This room is for admins' })).toBeVisible();
  await expect(page.getByTestId('audit')).toHaveCount(0);

  // A cookie that was copied is worth nothing after signing out.
  const other = await personIn(browser, box, ANNA);
  const [cookie] = await other.context().cookies(box.url);
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Lax' });
  await other.getByTestId('account-menu').click();
  await other.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(other.getByRole('button', { name: 'Sign in' })).toBeVisible();
  const thief = await program();
  const answer = await thief.get(`${box.url}/api/v1/session`, {
    headers: { Cookie: `${cookie?.name}=${cookie?.value}` },
  });
  expect(answer.status()).toBe(401);
});
