/** Every room of the settings as axe and a screen reader have it: phone and desk, both themes. */
import { expect, test, type Locator, type Page } from '@playwright/test';

import { signIn, VIEWPORTS } from './support/app';
import { expectNoViolations } from './support/axe';
import { ADMIN, Box, STILL } from './support/box';
import { eventsWithMedia } from './support/events';
import { addPerson } from './support/people';

let box: Box;
test.afterEach(async () => {
  await box.stop();
});

const ANNA = { username: 'anna', password: 'anna-sees-the-gate' };

/** At both widths, with one theme each, and nothing to be scrolled to the side. */
async function fits(page: Page): Promise<void> {
  for (const [width, theme] of [
    ['phone', 'dark'],
    ['desk', 'light'],
  ] as const) {
    await page.setViewportSize(VIEWPORTS[width]);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(wide, `${page.url()}, ${width}`).toBeLessThanOrEqual(0);
    await expectNoViolations(page, [theme]);
  }
}

/** What Tab goes through, from where the focus is, by name. */
async function tabOrder(page: Page, steps: number): Promise<string[]> {
  const names: string[] = [];
  for (let step = 0; step < steps; step += 1) {
    await page.keyboard.press('Tab');
    names.push(
      await page.evaluate(() => {
        const at = document.activeElement;
        const labels = (at as HTMLInputElement | null)?.labels;
        const text = at?.getAttribute('aria-label') ?? labels?.[0]?.textContent ?? at?.textContent;
        return (text ?? '').replaceAll(/\s+/g, ' ').trim();
      }),
    );
  }
  return names;
}

test('people, account, groups, notifications, shares, log and about', async ({ page }) => {
  // Every room, phone and desk, with axe.
  test.setTimeout(600_000);
  box = await Box.start({ CAMTRAIL__RETENTION__MAX_BYTES: '200GB' });
  await box.upload(STILL, 'gate/snap/MDAlarm_20160830-155137.jpg');
  await page.goto(`${box.url}/settings/about`);
  await signIn(page, ADMIN);
  const about = page.getByTestId('about');
  await expect(about.getByTestId('retention')).toContainText('30 days, from when they were stored');
  await expect(about.getByTestId('retention')).toContainText('may take 200 GB');
  await expect(page.getByRole('navigation', { name: 'Rooms of the settings' }))
    .toMatchAriaSnapshot(`
    - navigation "Rooms of the settings":
      - link "Groups"
      - link "My account"
      - link "Notifications"
      - link "Shares"
      - link "People"
      - link "Log"
      - link "About"
  `);
  await fits(page);
  const [event] = await eventsWithMedia(page, box, 1);
  await addPerson(page, box, ANNA, { cameras: ['gate'] });
  const api = `${box.url}/api/v1`;
  const groups = { items: [{ name: 'Outside', contains: ['gate'] }] };
  await page.request.put(`${api}/groups`, { data: groups });
  await page.request.post(`${api}/tokens`, { data: { name: 'Scripts', scopes: ['read'] } });
  await page.request.post(`${api}/shares`, { data: { event_id: event?.id, note: 'our fox' } });

  const enter = async (room: string, there: Locator) => {
    await page.goto(`${box.url}/settings/${room}`);
    await expect(there.first()).toBeVisible();
    await fits(page);
  };
  await enter('people', page.locator('[data-testid=person][data-person=anna]'));
  await expect(page.locator('[data-person=anna]')).toMatchAriaSnapshot(`
    - listitem:
      - heading "anna Viewer" [level=3]
      - paragraph: sees gate
      - button "Change anna"
      - button "Lock out anna"
  `);
  await page.getByTestId('new-person').click();
  await expect(page.getByTestId('person-form')).toMatchAriaSnapshot(`
    - form "New person":
      - textbox "Name"
      - textbox "Password"
      - paragraph
      - group "They are":
        - radio /a viewer/ [checked]
        - radio /an admin/
      - group "They see":
        - radio /all cameras/ [checked]
        - radio "only these"
      - button "Cancel"
      - button "Add them"
  `);
  await fits(page);
  expect(await tabOrder(page, 5)).toEqual([
    'Password',
    'a viewer: looks, reviews for themselves, and shares what they see',
    'all cameras, also those that come later',
    'Cancel',
    'Add them',
  ]);
  await page.getByRole('button', { name: 'Cancel' }).click();
  const lockOut = page.getByRole('button', { name: 'Lock out anna' });
  await lockOut.click();
  const question = page.getByRole('alertdialog');
  await expect(question).toMatchAriaSnapshot(`
    - alertdialog "Lock anna out?":
      - heading "Lock anna out?" [level=2]
      - button "Cancel"
      - button "Lock out"
  `);
  await fits(page);
  await page.keyboard.press('Escape');
  await expect(question).toHaveCount(0);
  await expect(lockOut).toBeFocused();

  await enter('account', page.getByTestId('token-row'));
  await expect(page.getByTestId('token-row')).toMatchAriaSnapshot(`
    - listitem:
      - heading "Scripts read" [level=3]
      - paragraph: /made .+ never used/
      - button "Revoke Scripts"
  `);
  await page.getByTestId('new-token').click();
  await expect(page.getByRole('form', { name: 'New token' })).toMatchAriaSnapshot(`
    - form "New token":
      - textbox "What uses it"
      - group "It may":
        - checkbox /read/ [checked]
        - checkbox /review/
        - checkbox /share/
        - checkbox /admin/
      - combobox "It ends after"
      - button "Cancel"
      - button "Make the token" [disabled]
  `);
  await fits(page);

  await enter('groups', page.getByTestId('group'));
  await page.getByRole('button', { name: 'Edit Outside' }).click();
  await expect(page.getByTestId('group-editor')).toMatchAriaSnapshot(`
    - form "Group Outside":
      - textbox "Name"
      - button "Remove gate"
      - textbox "Name contains"
      - textbox "But not"
      - combobox "And these cameras"
      - heading "1 camera of 1" [level=3]
      - list:
        - listitem: gate
      - button "Cancel"
      - button "Save"
  `);
  await fits(page);

  await enter('notifications', page.getByTestId('notice'));
  await enter('shares', page.getByTestId('share-row'));
  await expect(page.getByTestId('share-row')).toMatchAriaSnapshot(`
    - listitem:
      - heading "gate Open" [level=3]:
        - link "gate"
      - paragraph: “our fox”
      - paragraph: /Ends in/
      - paragraph: Never opened
      - button /Revoke the share of gate/
  `);
  await enter('log', page.getByTestId('audit').getByText('Shared an event'));
});

test('the dialog of a share, and the page that it makes', async ({ page, browser }) => {
  box = await Box.start();
  await box.upload(STILL, 'gate/snap/MDAlarm_20160830-155137.jpg');
  await page.goto(box.url);
  await signIn(page, ADMIN);
  const [event] = await eventsWithMedia(page, box, 1);
  await page.goto(`${box.url}/event/${event?.id}`);
  await page.getByTestId('share').click();
  const dialog = page.getByTestId('share-dialog');
  await expect(dialog).toMatchAriaSnapshot(`
    - dialog "Share this still":
      - heading "Share this still" [level=2]
      - button "Close"
      - combobox "It ends after"
      - textbox "A word to them (may stay empty)"
      - button "Cancel"
      - button "Make and copy the link"
  `);
  await fits(page);
  await dialog.getByLabel('A word to them').fill('our fox');
  await dialog.getByRole('button', { name: 'Make and copy the link' }).click();
  await expect(page.getByTestId('share-url')).toHaveValue(/\/s\//);
  await fits(page);
  const link = await page.getByTestId('share-url').inputValue();
  const stranger = await (await browser.newContext()).newPage();
  await stranger.goto(link);
  await expect(stranger.locator('main')).toMatchAriaSnapshot(`
    - main:
      - heading "gate" [level=1]
      - paragraph:
        - time: 30 August 2016, 15:51:37 (UTC-07:00)
      - img "gate, 30 August 2016, 15:51:37 (UTC-07:00)"
      - paragraph: our fox
      - paragraph:
        - link "Save the picture"
      - link "Open the timeline"
  `);
  await fits(stranger);
  expect(await tabOrder(stranger, 2)).toEqual(['Save the picture', 'Open the timeline']);
  await dialog.getByTestId('revoke-made').click();
  await expect(dialog.getByRole('button', { name: 'Make and copy the link' })).toBeVisible();
  expect((await stranger.goto(link))?.status()).toBe(410);
  await expect(stranger.locator('main')).toMatchAriaSnapshot(`
    - main:
      - heading "This is no longer shared" [level=1]
      - paragraph: Whoever shared this has ended it.
      - paragraph
      - link "Open the timeline"
  `);
  await fits(stranger);
});
