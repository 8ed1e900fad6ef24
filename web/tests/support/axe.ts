/** A page as axe sees it, in both themes. */
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

/** No violation of any axe rule, light and dark; the page is left light. */
export async function expectNoViolations(page: Page): Promise<void> {
  for (const theme of ['dark', 'light'] as const) {
    await wear(page, theme);
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(
      violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(', ')}`),
      `${theme}: ${page.url()}`,
    ).toEqual([]);
  }
}

/** The system's theme, once the page wears it and no colour is on its way. */
export async function wear(page: Page, theme: 'light' | 'dark'): Promise<void> {
  await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
  await page.waitForFunction((wanted) => {
    const { theme: worn } = document.documentElement.dataset;
    const moves = document.getAnimations().some(({ effect }) => {
      const { iterations } = effect?.getTiming() ?? {};
      return iterations !== Infinity;
    });
    return !moves && (worn === undefined || worn === wanted);
  }, theme);
}
