/** What browser tests do again and again, in the words of the person at the screen. */
import AxeBuilder from '@axe-core/playwright';
import { expect, type Locator, type Page } from '@playwright/test';

export interface Login {
  username: string;
  password: string;
}

export function adminLogin(): Login {
  return { username: 'admin', password: process.env['CAMTRAIL_ADMIN_PASSWORD'] ?? '' };
}

/** Most tests look at single captures; the browser remembers that choice. */
export async function signIn(
  page: Page,
  { username, password }: Login,
  view: 'events' | 'incidents' = 'events',
): Promise<void> {
  await page.evaluate((chosen) => localStorage.setItem('camtrail.view', chosen), view);
  await page.getByLabel('Name', { exact: true }).fill(username);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByTestId('account-menu')).toBeVisible();
}

export async function signOut(page: Page): Promise<void> {
  await page.getByTestId('account-menu').click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
}

/** Cards on the timeline; only those near the viewport are in the document. */
export function cards(page: Page, of: { camera?: string; kind?: 'record' | 'snap' } = {}): Locator {
  let selector = '[data-testid="event-card"]';
  if (of.camera !== undefined) selector += `[data-camera="${CSS_escape(of.camera)}"]`;
  if (of.kind !== undefined) selector += `[data-kind="${of.kind}"]`;
  return page.locator(selector);
}

export async function filterCamera(page: Page, camera: string): Promise<void> {
  await page.getByTestId('camera-filter').click();
  await page.locator(`input[type=checkbox][data-camera="${CSS_escape(camera)}"]`).check();
  await page.keyboard.press('Escape');
}

/** Resolves once the clip has really been playing for `seconds`. */
export async function plays(page: Page, seconds = 0.5): Promise<void> {
  const video = page.getByTestId('video');
  await video.evaluate((element: HTMLVideoElement) => element.play());
  await expect
    .poll(() => video.evaluate((element: HTMLVideoElement) => element.currentTime))
    .toBeGreaterThan(seconds);
}

/** No violation of any axe rule. */
export async function checkAccessibility(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(
    violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target).join(', ')}`),
  ).toEqual([]);
}

export const VIEWPORTS = {
  phone: { width: 390, height: 844 },
  desk: { width: 1280, height: 800 },
} as const;
export const THEMES = ['light', 'dark'] as const;

/** Takes the picture once posters and fonts are there and nothing moves. */
export async function picture(page: Page, path: string): Promise<void> {
  await page.waitForLoadState('networkidle').catch(() => undefined); // the live stream never idles
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path, animations: 'disabled' });
}

const CSS_escape = (text: string) => text.replace(/["\\]/g, '\\$&');
