/** Camtrail as an app: never an old build, a page that says when it is cut off, and its manifest. */
import { expect, test, type Page } from '@playwright/test';

import { checkAccessibility, signIn, VIEWPORTS } from './support/app';
import { expectNoViolations } from './support/axe';
import { ADMIN, Box, STILL } from './support/box';
import { Front } from './support/front';

/** The worker runs the page: from then on navigations go through it. */
const controlled = (page: Page) =>
  expect
    .poll(() => page.evaluate(() => navigator.serviceWorker.controller !== null), {
      timeout: 20_000,
    })
    .toBe(true);

for (const basePath of ['', '/cams']) {
  test.describe(basePath === '' ? 'at the root' : `below ${basePath}`, () => {
    let box: Box;
    test.beforeEach(async () => {
      box = await Box.start({ CAMTRAIL__HTTP__BASE_PATH: basePath });
    });
    test.afterEach(async () => {
      await box.stop();
    });

    test('the page comes with its first answers, through the worker too', async ({ page }) => {
      await box.upload(STILL, 'gate/snap/MDAlarm_20160830-155137.jpg');
      await page.goto(`${box.url}/`);
      await signIn(page, ADMIN, 'incidents');
      await controlled(page);
      await expect(page.getByTestId('incident-card')).toHaveCount(1);
      const asked: string[] = [];
      page.on('request', (request) => {
        const { pathname, search } = new URL(request.url());
        if (!pathname.startsWith(`${basePath}/api/v1/`)) return;
        asked.push(`${pathname.split('/v1/')[1] ?? ''}${search}`);
      });
      await page.reload();
      await expect(page.getByTestId('incident-card')).toHaveCount(1);
      await expect(page.getByTestId('live-status')).toContainText('Live');
      expect(asked).toContain('live');
      expect(asked).not.toContain('session');
      expect(asked).not.toContain('cameras');
      expect(asked).not.toContain('groups');
      // The list as the app asks for it: both sides mean the same page.
      expect(asked.filter((call) => call.startsWith('incidents'))).toEqual(['incidents?limit=8']);
      // They aren't there for scripts that come later, and no cache has them.
      expect(await page.locator('#first-answers').count()).toBe(0);
      const kept = await page.evaluate(async () => {
        const names = await caches.keys();
        const texts = names.map(async (name) => {
          const cache = await caches.open(name);
          const answers = await Promise.all(
            (await cache.keys()).map(async (key) => (await cache.match(key))?.text()),
          );
          return answers.join('\n');
        });
        return (await Promise.all(texts)).join('\n');
      });
      expect(kept).not.toContain('155137');
    });

    test('the first pictures stand where their cards will be', async ({ page }) => {
      await box.upload(STILL, 'gate/snap/MDAlarm_20160830-155137.jpg');
      await page.goto(`${box.url}/`);
      await signIn(page, ADMIN, 'incidents');
      await expect(page.getByTestId('incident-card').locator('img')).toHaveCount(1);
      // Noted in each frame: they are gone when the cards are there.
      await page.addInitScript(() => {
        const places: Record<string, number[]> = {};
        Object.assign(window, { places });
        const note = (name: string, selector: string) => {
          const box = document.querySelector(selector)?.getBoundingClientRect();
          if (box) places[name] = [box.left, box.top, box.width, box.height];
        };
        const look = () => {
          note('first', '#first span');
          note('card', '[data-testid=incident-card] .poster');
          requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
      });
      for (const viewport of Object.values(VIEWPORTS)) {
        await page.setViewportSize(viewport);
        await page.reload();
        await expect(page.getByTestId('incident-card')).toHaveCount(1);
        await expect(page.locator('#first')).toHaveCount(0);
        const { first, card } = await page.evaluate(
          () => (window as unknown as { places: Record<string, number[]> }).places,
        );
        expect(first, `${viewport.width} wide`).toHaveLength(4);
        for (const [at, value] of (first ?? []).entries()) {
          expect(
            Math.abs(value - (card?.[at] ?? NaN)),
            `${viewport.width} wide: ${at}`,
          ).toBeLessThan(6);
        }
      }
    });

    test('cut off, it says so, and comes back by itself to where one was', async ({ page }) => {
      const refused: string[] = [];
      page.on('console', (message) => {
        if (/Content Security Policy/.test(message.text())) refused.push(message.text());
      });
      await page.goto(`${box.url}/`);
      await signIn(page, ADMIN);
      await controlled(page);
      await box.pause();
      for (const theme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme: theme });
        await page.goto(`${box.url}/settings/about`);
        await expect(
          page.getByRole('heading', { name: 'Camtrail can’t be reached' }),
        ).toBeVisible();
        await checkAccessibility(page);
        await page.screenshot({
          path: `test-results/pages/offline-${basePath === '' ? 'root' : 'base'}-${theme}.png`,
        });
      }
      const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      expect(background, 'its own style').toBe('rgb(12, 19, 17)');
      await box.resume();
      await expect(page.getByTestId('about')).toBeVisible({ timeout: 30_000 });
      expect(page.url()).toBe(`${box.url}/settings/about`);
      expect(refused).toEqual([]);
    });

    test('it can be installed', async ({ page }) => {
      await page.goto(box.url);
      const link = await page
        .locator('link[rel=manifest]')
        .evaluate((el: HTMLLinkElement) => el.href);
      expect(link).toBe(`${box.url}/app.webmanifest`);
      const answer = await page.request.get(link);
      expect(answer.headers()['content-type']).toContain('application/manifest+json');
      const manifest = (await answer.json()) as {
        scope: string;
        icons: { src: string; type: string; sizes: string }[];
      };
      expect(new URL(manifest.scope, link).href).toBe(`${box.url}/`);
      for (const { src, type, sizes } of manifest.icons) {
        const icon = await page.request.get(new URL(src, link).href);
        expect(icon.headers()['content-type'], src).toContain(type);
        // The browser itself opens it, in the size that is said.
        const width = await page.evaluate(async (url) => {
          const image = new Image();
          image.src = url;
          await image.decode();
          return image.naturalWidth;
        }, new URL(src, link).href);
        if (sizes !== 'any') expect(`${width}x${width}`, src).toBe(sizes);
      }
      const session = await page.context().newCDPSession(page);
      const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
      // Private windows install nothing; all else is ours.
      const ours = installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito');
      expect(ours).toEqual([]);
    });
  });
}

const entry = (page: Page) =>
  page.locator('script[type=module][src]').evaluate((script: HTMLScriptElement) => script.src);
const cacheNames = (page: Page) =>
  page.evaluate(async () => (await window.caches.keys()).join(' '));

test('another build is offered once the server has it, and one reload is enough', async ({
  page,
}) => {
  const box = await Box.start();
  const front = await Front.before(box);
  try {
    await page.goto(`${front.url}/settings/account`);
    await signIn(page, ADMIN);
    await controlled(page);
    const first = await entry(page);
    await page.getByTestId('change-password').click();
    await page.getByLabel('New password', { exact: true }).fill('half of it');
    const prompt = page.getByTestId('update-prompt');
    await expect(prompt).toHaveCount(0);

    // The server goes, and comes back with another build: the open page hears it from its connection.
    await box.pause();
    front.build = 'next';
    await box.resume();
    await expect(prompt).toBeVisible({ timeout: 60_000 });
    await expectNoViolations(page);
    // It takes over when it is asked to, not before: what was being typed is there, and so are all other pages of
    // the build that this one was opened with, though the server has their files no more.
    await expect.poll(() => cacheNames(page)).toContain('camtrail-next');
    await expect(page.getByLabel('New password', { exact: true })).toHaveValue('half of it');
    await page.getByRole('link', { name: 'People' }).click();
    await expect(page.locator('[data-testid=person]')).toHaveCount(1);
    expect(await entry(page)).toBe(first);
    await prompt.getByRole('button', { name: 'Reload' }).click();
    await expect.poll(() => entry(page)).toBe(first.replace(/\.js$/, '-next.js'));
    await expect(page.locator('[data-testid=person]')).toHaveCount(1);
    await expect(prompt).toHaveCount(0);
    // Nothing of the old build runs, and the other pages come from the new one.
    front.asked.length = 0;
    await page.getByRole('link', { name: 'Log', exact: true }).click();
    await expect(page.getByTestId('audit')).toBeVisible();
    const loaded = await page.evaluate(() =>
      performance.getEntriesByType('resource').map(({ name }) => name),
    );
    const scripts = loaded.filter((name) => /\/assets\/.+\.js$/.test(name));
    expect(scripts.filter((name) => !name.endsWith('-next.js'))).toEqual([]);

    // A third one: the first is forgotten.
    front.build = 'last';
    await page.reload();
    expect(await entry(page)).toBe(first.replace(/\.js$/, '-last.js'));
    await expect
      .poll(() => cacheNames(page), { timeout: 30_000 })
      .toMatch(/^camtrail-next\w+ camtrail-last\w+$/);

    // Nothing of a person lies in them.
    const kept = await page.evaluate(async () => {
      const urls: string[] = [];
      for (const name of await window.caches.keys()) {
        const cache = await window.caches.open(name);
        urls.push(...(await cache.keys()).map(({ url }) => new URL(url).pathname));
      }
      return urls;
    });
    expect(
      kept.filter((path) => !/^\/(assets\/|offline\.|theme\.js|favicon\.svg)/.test(path)),
    ).toEqual([]);

    // A proxy without its server is no dead end.
    front.lost = true;
    await page.goto(`${front.url}/cameras`);
    await expect(page.getByRole('heading', { name: 'Camtrail can’t be reached' })).toBeVisible();
    front.lost = false;
    await expect(page.getByTestId('account-menu')).toBeVisible({ timeout: 30_000 });
  } finally {
    await front.stop();
    await box.stop();
  }
});

test.describe('without a service worker, as on plain http', () => {
  test.use({ serviceWorkers: 'block' });

  test('another build is offered too, and a page whose files are gone says what to do', async ({
    page,
  }) => {
    const box = await Box.start();
    const front = await Front.before(box);
    try {
      await page.goto(`${front.url}/settings/about`);
      await signIn(page, ADMIN);
      await expect(page.getByTestId('about')).toBeVisible();
      const first = await entry(page);
      await box.pause();
      front.build = 'next';
      await box.resume();
      const prompt = page.getByTestId('update-prompt');
      await expect(prompt).toBeVisible({ timeout: 60_000 });
      await prompt.getByRole('button', { name: 'Later' }).click();
      await page.getByRole('link', { name: 'People' }).click();
      const notice = page.getByTestId('notice');
      await expect(notice).toContainText('the server was updated');
      await expectNoViolations(page);
      await notice.getByRole('button', { name: 'Reload' }).click();
      await expect(page.locator('[data-testid=person]')).toHaveCount(1);
      expect(await entry(page)).toBe(first.replace(/\.js$/, '-next.js'));
    } finally {
      await front.stop();
      await box.stop();
    }
  });
});
