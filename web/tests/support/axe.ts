/** A page as axe sees it, in both themes. */
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

type Theme = 'light' | 'dark';

/** No violation of any axe rule, light and dark; the page is left light. */
export async function expectNoViolations(
  page: Page,
  themes: readonly Theme[] = ['dark', 'light'],
): Promise<void> {
  for (const theme of themes) {
    await wear(page, theme);
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(
      violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(', ')}`),
      `${theme}: ${page.url()}`,
    ).toEqual([]);
  }
}

/** The system's theme, once the page wears it and no colour is on its way. */
export async function wear(page: Page, theme: Theme): Promise<void> {
  await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
  await page.waitForFunction((wanted) => {
    const { theme: worn } = document.documentElement.dataset;
    // What ended and holds its last picture is still listed; what never ends is no change of colours.
    const moves = document
      .getAnimations()
      .some(
        ({ playState, effect }) =>
          playState === 'running' && effect?.getTiming().iterations !== Infinity,
      );
    return !moves && (worn === undefined || worn === wanted);
  }, theme);
}
