/** Notifications: channels with a test that really goes out, rules, deliveries, and this browser's own. */
import { expect, test, type Page } from '@playwright/test';

import { signIn } from './support/app';
import { expectNoViolations } from './support/axe';
import { ADMIN, Box, STILL, stillOfNow } from './support/box';
import { addPerson, personIn } from './support/people';
import { Receiver, signatureOf } from './support/receiver';

const SECRET = 'browser-test-webhook';
const ANNA = { username: 'anna', password: 'anna-sees-the-gate' };

let receiver: Receiver;
let box: Box;

/** A webhook to `url`, told of clips and stills of the gate, and Web Push. */
const configured = (url: string): Record<string, string> => ({
  CAMTRAIL__NOTIFY__CHANNEL: `[
    { name = "porch-light", kind = "webhook", url = "${url}" },
    { name = "browsers", kind = "web_push", contact = "mailto:admin@example.org" },
  ]`,
  CAMTRAIL__NOTIFY__RULE: `[
    { name = "gate-at-night", targets = ["porch-light"], cameras = ["gate"], follow_up = false },
    { name = "trouble", on = "gateway_trouble", targets = ["porch-light", "browsers"] },
  ]`,
  CAMTRAIL_NOTIFY_PORCH_LIGHT_SECRET: SECRET,
});

const channel = (page: Page, name: string) =>
  page.locator(`[data-testid=channel][data-channel="${name}"]`);

test.describe('configured', () => {
  test.beforeEach(async () => {
    receiver = await Receiver.start();
    box = await Box.start(configured(receiver.url));
  });
  test.afterEach(async () => {
    await box.stop();
    await receiver.stop();
  });

  test('a test reaches the receiver, a refusal is told, and a rule tells of a capture', async ({
    page,
  }) => {
    await page.goto(`${box.url}/settings/notifications`);
    await signIn(page, ADMIN);
    const light = channel(page, 'porch-light');
    await expect(light).toContainText('Webhook');
    await expectNoViolations(page);
    await light.getByRole('button', { name: 'Send a test by porch-light' }).click();
    await expect(light.getByTestId('test-outcome')).toHaveText('The test was delivered.');
    const signatures = receiver.told.map(({ headers }) => headers['webhook-signature']);
    expect(receiver.told.map(({ message }) => message.type)).toEqual(['test']);
    expect(receiver.told[0]?.message.data.text).toContain('admin');
    expect(signatures).toEqual(receiver.told.map((told) => signatureOf(told, SECRET)));

    receiver.status = 403;
    await light.getByRole('button', { name: 'Send a test' }).click();
    await expect(light.getByTestId('test-outcome')).toContainText('Not delivered');
    await expect(light.getByTestId('test-outcome')).toContainText('403');
    await expectNoViolations(page);
    receiver.status = 204;

    await expect(page.getByTestId('rules')).toMatchAriaSnapshot(`
      - list:
        - listitem:
          - heading "Something was captured gate-at-night" [level=3]
          - paragraph: gate
          - paragraph: to porch-light
        - listitem:
          - heading "Clips can’t be stored trouble" [level=3]
          - paragraph: all cameras
          - paragraph: to porch-light, browsers
    `);
    await expect(page.getByText('Nothing was sent yet')).toBeVisible();
    const name = stillOfNow();
    await box.upload(STILL, `garage/snap/${name}`);
    await box.upload(STILL, `gate/snap/${name}`);
    const events = () => receiver.told.filter(({ message }) => message.type === 'event');
    await expect.poll(() => events().length, { timeout: 60_000 }).toBe(1);
    expect(events()[0]?.message.data.camera).toBe('gate');
    // The list of deliveries finds it by itself.
    const deliveries = page.getByTestId('deliveries');
    await expect(deliveries).toContainText('Delivered', { timeout: 60_000 });
    await expect(deliveries).toContainText('by porch-light');
    await expect(deliveries.getByRole('listitem')).toHaveCount(1);
    await expectNoViolations(page);
    // Neither the address nor the secret is anywhere on the page.
    const text = await page.content();
    expect(text).not.toContain(receiver.url);
    expect(text).not.toContain(SECRET);
  });

  test('this browser: blocked, refused by its push service, and nothing of the channels for viewers', async ({
    page,
    browser,
  }) => {
    await page.goto(`${box.url}/settings/notifications`);
    await signIn(page, ADMIN);
    const push = page.getByTestId('push');
    await expect(push).toHaveAttribute('data-state', 'off');
    // Chromium without a window says no in the person's place: it is said how to undo that.
    await push.getByRole('button', { name: 'Notify me here' }).click();
    await expect(push).toHaveAttribute('data-state', 'denied');
    await expect(push).toContainText('Notifications are blocked for this site');
    await expectNoViolations(page);
    await page.context().grantPermissions(['notifications'], { origin: new URL(box.url).origin });
    await push.getByRole('button', { name: 'I allowed them' }).click();
    await expect(push).toHaveAttribute('data-state', 'off');
    await expect(push).toContainText('Notifications are off in this browser.');
    await expectNoViolations(page);
    // This Chromium reaches no push service: said in words, and another press is possible.
    await push.getByRole('button', { name: 'Notify me here' }).click();
    await expect(push.getByRole('alert')).toContainText('push service refused');
    await expect(push.getByRole('button', { name: 'Notify me here' })).toBeEnabled();
    await expect(push).toHaveAttribute('data-state', 'off');
    await expectNoViolations(page);

    await addPerson(page, box, ANNA);
    const anna = await personIn(browser, box, ANNA);
    await anna.goto(`${box.url}/settings/notifications`);
    await expect(anna.getByTestId('this-browser')).toBeVisible();
    await expect(anna.getByTestId('push')).toBeVisible();
    await expect(anna.getByRole('heading', { name: 'Channels' })).toHaveCount(0);
    const asked = await anna.request.get(`${box.url}/api/v1/notifications`);
    expect(asked.status()).toBe(403);
    const tested = await anna.request.post(`${box.url}/api/v1/notifications/test`, {
      data: { channel: 'porch-light' },
    });
    expect(tested.status()).toBe(403);
    expect(receiver.told).toEqual([]);
  });
});

test('without any channel, it is said how to make one', async ({ page }) => {
  box = await Box.start();
  try {
    await page.goto(`${box.url}/settings/notifications`);
    await signIn(page, ADMIN);
    await expect(page.getByRole('heading', { name: 'No notifications are set up' })).toBeVisible();
    await expect(page.getByTestId('this-browser')).toContainText('pushes nothing to browsers');
    await expectNoViolations(page);
  } finally {
    await box.stop();
  }
});
