/**
 * Every page as a picture (test-results/pages/), at phone and desk width, light and dark, each
 * checked by axe. Runs against the server in CAMTRAIL_URL with whatever events it has.
 */
import { expect, test } from '@playwright/test';
import {
  adminLogin,
  cards,
  checkAccessibility,
  picture,
  signIn,
  THEMES,
  VIEWPORTS,
} from './support/app';

for (const [width, viewport] of Object.entries(VIEWPORTS)) {
  for (const theme of THEMES) {
    test(`pages at ${width} width, ${theme}`, async ({ browser, baseURL }) => {
      const context = await browser.newContext({
        viewport,
        colorScheme: theme,
        hasTouch: width === 'phone',
        ...(baseURL !== undefined && { baseURL }),
      });
      const page = await context.newPage();
      const faults: string[] = [];
      page.on('pageerror', (error) => faults.push(error.message));
      page.on('console', (message) => {
        if (/Content Security Policy/.test(message.text())) faults.push(message.text());
      });
      const shoot = async (name: string) => {
        await picture(page, `test-results/pages/${name}-${width}-${theme}.png`);
        await checkAccessibility(page);
      };

      await page.goto('./');
      await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
      await shoot('sign-in');

      await signIn(page, adminLogin());
      await expect(cards(page).or(page.getByTestId('first-start')).first()).toBeVisible();
      await shoot('timeline');

      if ((await cards(page).count()) > 0) {
        await cards(page).first().click();
        await expect(page.getByTestId('details')).toBeVisible();
        await expect
          .poll(() =>
            page.evaluate(() => {
              const still = document.querySelector<HTMLImageElement>('[data-testid=still]');
              const video = document.querySelector<HTMLVideoElement>('[data-testid=video]');
              return (still?.naturalWidth ?? video?.readyState ?? 0) > 0;
            }),
          )
          .toBe(true);
        await shoot('event');
        await page.keyboard.press('?');
        await expect(page.getByRole('dialog', { name: 'Keyboard' })).toBeVisible();
        await shoot('keyboard');
        await page.keyboard.press('Escape');
        await page.keyboard.press('n');
        await page.getByTestId('note-field').fill('The fox, again: see the clip before.');
        await shoot('note');
        await page.keyboard.press('Escape');
        await page.keyboard.press('Shift+V');
        await expect(page.getByRole('alertdialog')).toBeVisible();
        await shoot('all-up-to-here');
        await page.keyboard.press('Escape');
        await page.keyboard.press('Escape');
        await expect(cards(page).first()).toBeVisible();
        await page.keyboard.press('v');
        await page.keyboard.press('z');
        await expect(page.getByTestId('message')).toBeVisible();
        await shoot('timeline-after');
        await page.getByTestId('camera-filter').click();
        await expect(
          page.getByRole('radio', { name: 'Any' }).or(page.getByRole('checkbox')).first(),
        ).toBeVisible();
        await shoot('camera-filter');
        await page.keyboard.press('Escape');
      }

      await page.goto('./settings');
      await expect(page.getByRole('heading', { name: 'Groups of cameras' })).toBeVisible();
      await expect(page.getByTestId('group').or(page.getByTestId('notice')).first()).toBeVisible();
      await shoot('settings');
      await page.getByTestId('new-group').click();
      await page.getByLabel('Name contains').fill('a');
      await page.keyboard.press('Enter');
      await shoot('group-editor');

      await page.goto('./cameras');
      await expect(
        page.getByTestId('camera').or(page.getByTestId('first-start')).first(),
      ).toBeVisible();
      await shoot('cameras');

      await page.goto('./?camera=nobody-has-this-name');
      await expect(page.getByTestId('notice')).toBeVisible();
      await shoot('no-match');

      expect(faults).toEqual([]);
      await context.close();
    });
  }
}
