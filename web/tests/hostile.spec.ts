/** What strangers and users write is text, on every page; links and headers that were meddled with open nothing. */
import { expect, test, type Page } from '@playwright/test';

import { cards, signIn } from './support/app';
import { ADMIN, Box, CLIP, STILL, stillOfNow } from './support/box';
import { eventsWithMedia } from './support/events';
import { addPerson, personIn, program } from './support/people';

/** Would be an element, a script and a way out of an attribute, wherever it isn't text. */
const EVIL = `"'><img src=x onerror=window.pwned=1><b>x`;
const EVE = { username: `eve${EVIL}`, password: 'eve-and-her-apple' };

let box: Box;
test.afterEach(async () => {
  await box.stop();
});

/** Nothing of it became an element, and the policy had nothing to stop. */
async function expectOnlyText(page: Page): Promise<void> {
  expect(await page.locator('img[src="x"], main b').count(), page.url()).toBe(0);
  expect(await page.evaluate(() => 'pwned' in window)).toBe(false);
}

test('names of cameras, people, groups, tokens, and notes are text everywhere', async ({
  page,
  browser,
}) => {
  box = await Box.start({
    CAMTRAIL__CAMERA: `[{ name = "gate", display_name = '''Gate ${EVIL}''' }]`,
  });
  const refused: string[] = [];
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) refused.push(message.text());
  });
  // A camera says its own name by the folder that it uploads to.
  await box.upload(STILL, `cam${EVIL}/snap/${stillOfNow()}`);
  await box.upload(CLIP, 'gate/record/MDalarm_20160830_152954.mkv');
  await page.goto(box.url);
  await signIn(page, ADMIN);
  const events = await eventsWithMedia(page, box, 2);
  await addPerson(page, box, EVE, { cameras: [`cam${EVIL}`] });
  const api = `${box.url}/api/v1`;
  const groups = { items: [{ name: `group${EVIL}`, contains: [`has${EVIL}`] }] };
  expect((await page.request.put(`${api}/groups`, { data: groups })).ok()).toBe(true);
  const token = { name: `token${EVIL}`, scopes: ['read'] };
  expect((await page.request.post(`${api}/tokens`, { data: token })).ok()).toBe(true);
  for (const { id } of events) {
    const note = { note: `note${EVIL}` };
    expect((await page.request.patch(`${api}/events/${id}`, { data: note })).ok()).toBe(true);
    const share = { event_id: id, note: `word${EVIL}` };
    const made = await page.request.post(`${api}/shares`, { data: share });
    const { url } = (await made.json()) as { url: string };
    const stranger = await (await browser.newContext()).newPage();
    stranger.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) refused.push(message.text());
    });
    await stranger.goto(new URL(url, box.url).href);
    await expect(stranger.getByText(`word${EVIL}`)).toBeVisible();
    await expect(stranger.getByRole('heading', { level: 1 })).toContainText(EVIL);
    expect(await stranger.title()).toContain(EVIL);
    await expectOnlyText(stranger);
  }

  const seen: [string, string[]][] = [
    ['', [`cam${EVIL}`, `Gate ${EVIL}`]],
    [`event/${events[0]?.id}`, [`note${EVIL}`]],
    ['cameras', [`cam${EVIL}`, `Gate ${EVIL}`]],
    ['settings/groups', [`group${EVIL}`, `has${EVIL}`]],
    ['settings/account', [`token${EVIL}`]],
    ['settings/shares', [`Gate ${EVIL}`, `word${EVIL}`]],
    ['settings/people', [EVE.username, `cam${EVIL}`]],
    ['settings/log', [EVE.username, `token${EVIL}`]],
  ];
  for (const [path, texts] of seen) {
    await page.goto(`${box.url}/${path}`);
    for (const text of texts) await expect(page.getByText(text).first()).toBeAttached();
    await expectOnlyText(page);
  }

  // And in dialogs, titles, and the person's own menu.
  await page.goto(`${box.url}/settings/people`);
  await page
    .locator('[data-testid=person]')
    .getByRole('button', { name: /^Lock out/ })
    .click();
  await expect(page.getByRole('alertdialog')).toContainText(EVE.username);
  await expectOnlyText(page);
  const eve = await personIn(browser, box, EVE);
  await expect(cards(eve)).toHaveCount(1);
  await eve.getByTestId('account-menu').click();
  await expect(eve.getByText(EVE.username)).toBeVisible();
  await expectOnlyText(eve);
  expect(refused).toEqual([]);
});

test('a viewer in an admin’s room, and rights that a request gives itself', async ({
  page,
  browser,
}) => {
  box = await Box.start();
  await box.upload(STILL, 'gate/snap/MDAlarm_20160830-155137.jpg');
  await box.upload(STILL, 'garage/snap/MDAlarm_20160830-155137.jpg');
  await page.goto(box.url);
  await signIn(page, ADMIN);
  const events = await eventsWithMedia(page, box, 2);
  const hidden = events.find(({ camera_name }) => camera_name === 'garage')?.id ?? '';
  await addPerson(
    page,
    box,
    { username: 'ben', password: 'ben-looks-only' },
    { cameras: ['gate'] },
  );
  const ben = await personIn(browser, box, { username: 'ben', password: 'ben-looks-only' });
  const asked: string[] = [];
  ben.on('request', (request) => asked.push(new URL(request.url()).pathname));
  for (const room of ['people', 'log']) {
    await ben.goto(`${box.url}/settings/${room}`);
    await expect(ben.getByRole('heading', { name: 'This room is for admins' })).toBeVisible();
  }
  // Not even asked for.
  expect(asked.filter((path) => /\/(users|audit)$/.test(path))).toEqual([]);
  await ben.goto(`${box.url}/event/${hidden}`);
  await expect(ben.getByTestId('notice')).toBeVisible();
  const api = `${box.url}/api/v1`;
  const { request } = ben;
  expect((await request.get(`${api}/users`)).status()).toBe(403);
  expect((await request.get(`${api}/audit`)).status()).toBe(403);
  const me = { role: 'admin', cameras: null };
  expect((await request.patch(`${api}/users/ben`, { data: me })).status()).toBe(403);
  expect((await request.post(`${api}/shares`, { data: { event_id: hidden } })).status()).toBe(404);
  expect((await request.put(`${api}/groups`, { data: { items: [] } })).status()).toBe(403);
});

test('a share’s link: altered, headers meddled with, and nothing but its event behind it', async ({
  page,
}) => {
  box = await Box.start();
  await box.upload(CLIP, 'gate/record/MDalarm_20160830_152954.mkv');
  await box.upload(STILL, 'garage/snap/MDAlarm_20160830-155137.jpg');
  await page.goto(box.url);
  await signIn(page, ADMIN);
  const [shared, other] = await eventsWithMedia(page, box, 2);
  const made = await page.request.post(`${box.url}/api/v1/shares`, {
    // What a request says its host is, isn't believed.
    headers: { 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Proto': 'https' },
    data: { event_id: shared?.id },
  });
  const { url } = (await made.json()) as { url: string };
  expect(url).not.toContain('evil.example');
  const link = new URL(url, box.url);
  const stranger = await program();
  const page_ = await stranger.get(link.href);
  const headers = page_.headers();
  expect(headers['x-robots-tag']).toContain('noindex');
  expect(headers['referrer-policy']).toBe('no-referrer');
  expect(headers['cache-control']).toBe('no-store');
  expect(headers['set-cookie']).toBeUndefined();
  expect(headers['content-security-policy']).not.toContain('script-src');
  const html = await page_.text();
  expect(html).toContain('name="robots" content="noindex');
  expect(html).not.toContain(other?.id ?? '-');
  expect(html).not.toContain(shared?.id ?? '-');

  const json = async () =>
    (await (await stranger.get(link.href, { headers: { Accept: 'application/json' } })).json()) as {
      media_url: string;
    };
  const media = new URL((await json()).media_url, box.url);
  const status = async (address: string | URL, extra: Record<string, string> = {}) =>
    (await stranger.get(String(address), { headers: extra, maxRedirects: 0 })).status();
  expect(await status(media)).toBe(200);
  const changed = (change: (url: URL) => void) => {
    const copy = new URL(media);
    change(copy);
    return copy;
  };
  // Each part of a media link is signed.
  for (const key of media.searchParams.keys()) {
    const altered = changed((copy) => copy.searchParams.set(key, '9999999999999'));
    expect([400, 403], key).toContain(await status(altered));
    expect([400, 403], key).toContain(
      await status(changed((copy) => copy.searchParams.delete(key))),
    );
  }
  const poster = changed((copy) => (copy.pathname = copy.pathname.replace(/[^/]+$/, 'poster')));
  expect(await status(poster)).toBe(403);
  // Neither the link nor its media's signature opens the API, or another event.
  const bearer = { Authorization: `Bearer ${link.pathname.split('/').at(-1)}` };
  for (const path of ['events', 'session', `events/${shared?.id}`, `events/${other?.id}`]) {
    expect(await status(`${box.url}/api/v1/${path}`, bearer), path).toBe(401);
  }
  const elsewhere = new URL(`${box.url}/api/v1/media/${other?.id}/object${media.search}`);
  expect([400, 401, 403]).toContain(await status(elsewhere));
  for (const wrong of [
    '/s/',
    '/s/x',
    '/s/%00',
    '/s/..%2f..%2fapi%2fv1%2fevents',
    `/s/${'a'.repeat(5_000)}`,
  ]) {
    const answer = await stranger.get(`${box.url}${wrong}`, { headers: { Accept: 'text/html' } });
    expect([200, 400, 404, 414, 429], wrong).toContain(answer.status());
    expect(await answer.text(), wrong).not.toContain('gate');
  }
  // A page for people, without a way in.
  const wrong = await page.goto(`${link.href.slice(0, -1)}${link.href.endsWith('A') ? 'B' : 'A'}`);
  expect(wrong?.status()).toBe(404);
  await expect(page.getByRole('heading', { name: 'There is nothing here' })).toBeVisible();
});
