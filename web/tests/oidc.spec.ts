/** Sign-in by a certified OpenID Connect provider, in a real browser, against the real program. */
import { expect, test, type Page } from '@playwright/test';

import { checkAccessibility, signIn, signOut } from './support/app';
import { ADMIN, Box } from './support/box';
import { IdentityProvider } from './support/provider';

let provider: IdentityProvider;
let box: Box;

for (const basePath of ['', '/cams']) {
  test.describe(basePath === '' ? 'at the root' : `below ${basePath}`, () => {
    test.beforeEach(async () => {
      provider = await IdentityProvider.start();
      box = await Box.start({ ...provider.environment, CAMTRAIL__HTTP__BASE_PATH: basePath });
      provider.serve(box.url);
    });
    test.afterEach(async () => {
      await box.stop();
      await provider.stop();
    });

    test('who is allowed comes in, goes on where they were, and out again', async ({ page }) => {
      await page.goto(`${box.url}/cameras`);
      await checkAccessibility(page);
      await continueAs(page, 'Anna@Example.org');
      await expect(page.getByTestId('account-menu')).toBeVisible();
      expect(page.url()).toBe(`${box.url}/cameras`);
      await page.getByTestId('account-menu').click();
      await expect(page.getByText('anna@example.org')).toBeVisible();
      await page.keyboard.press('Escape');
      await signOut(page);
      // Signed out is signed out: nothing leads back in by itself.
      await page.reload();
      await expect(page.getByRole('link', { name: 'Continue with Example ID' })).toBeVisible();
      await signIn(page, ADMIN);
    });

    test('a session that ended is renewed without a question, until the account is gone', async ({
      page,
      context,
    }) => {
      await page.goto(`${box.url}/`);
      await continueAs(page, 'anna@example.org');
      await expect(page.getByTestId('account-menu')).toBeVisible();
      await page.getByRole('link', { name: 'Cameras' }).first().click();
      await context.clearCookies({ name: 'camtrail_session' });
      await page.reload();
      await expect(page.getByTestId('account-menu')).toBeVisible();
      expect(page.url()).toBe(`${box.url}/cameras`);

      // Removed there, its sessions at the provider end with it.
      provider.removed.add('anna@example.org');
      await context.clearCookies({ name: /^_session/ });
      await page.evaluate(() => sessionStorage.clear()); // as if a minute had gone by
      await context.clearCookies({ name: 'camtrail_session' });
      await page.reload();
      await expect(page.getByText('Your session has ended.')).toBeVisible();
      expect(page.url()).toBe(`${box.url}/cameras`);
      await page.reload();
      await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
    });
  });
}

test.describe('refusals', () => {
  test.beforeEach(async () => {
    provider = await IdentityProvider.start();
    box = await Box.start(provider.environment);
    provider.serve(box.url);
  });
  test.afterEach(async () => {
    await box.stop();
    await provider.stop();
  });

  test('a wrong account is told so, and may choose another one', async ({ page }) => {
    await page.goto(`${box.url}/`);
    await continueAs(page, 'eve@evil.example');
    await expect(refusal(page)).toContainText('This account may not sign in here.');
    expect(page.url()).toBe(`${box.url}/`);
    await checkAccessibility(page);
    await continueAs(page, 'anna@example.org');
    await expect(page.getByTestId('account-menu')).toBeVisible();
  });

  test('an address that is not verified, and a change of mind', async ({ page }) => {
    provider.unverified.add('ben@example.org');
    await page.goto(`${box.url}/`);
    await continueAs(page, 'ben@example.org');
    await expect(refusal(page)).toContainText('Verify it at Example ID');
    await page.getByRole('link', { name: 'Continue with Example ID' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await expect(refusal(page)).toContainText('was cancelled');
    await signIn(page, ADMIN);
  });

  test('an answer that nobody asked for, and a provider that is away', async ({ page }) => {
    await page.goto(`${box.url}/auth/oidc/callback?code=x&state=y`);
    await expect(refusal(page)).toContainText('took too long, or was begun in another window');
    await provider.stop();
    await page.getByRole('link', { name: 'Continue with Example ID' }).click();
    await expect(refusal(page)).toContainText('can’t be asked right now');
    await signIn(page, ADMIN);
  });
});

const refusal = (page: Page) => page.getByTestId('provider-refusal');

async function continueAs(page: Page, address: string): Promise<void> {
  await page.getByRole('link', { name: 'Continue with Example ID' }).click();
  await page.getByLabel('Address').fill(address);
  await page.getByRole('button', { name: 'Go on' }).click();
}
