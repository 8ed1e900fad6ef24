/** Everything that cameras send, from the upload to the screen: judged by content, and really played. */
import { expect, test, type Page } from '@playwright/test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { signIn } from './support/app';
import { ADMIN, Box } from './support/box';
import { eventsWithMedia, type ListedEvent } from './support/events';
import { noMediaErrors, posterLoads, reallyPlays, watchMediaErrors } from './support/playing';
import { makeSamples, type Sample } from './support/samples';

/** A copy of a clip of seconds is made within this. */
const COPY_WITHIN_MS = 30_000;
/** How far a duration may be off. */
const DURATION_WITHIN_MS = 100;

/** Whether this browser has a decoder for HEVC: Chromium has it where the hardware does. */
const decodesHevc = (page: Page) =>
  page.evaluate(
    () => document.createElement('video').canPlayType('video/mp4; codecs="hvc1.1.6.L93.B0"') !== '',
  );

async function shows(page: Page, sample: Sample, event: ListedEvent): Promise<void> {
  await page.goto(`./event/${event.id}`);
  const asItIs =
    sample.shows === 'video' || (sample.shows === 'if-able' && (await decodesHevc(page)));
  if (asItIs || sample.shows === 'copy' || sample.shows === 'if-able') {
    await expect(page.getByTestId('video')).toHaveAttribute(
      'data-rendition',
      asItIs ? 'full' : 'h264',
      { timeout: COPY_WITHIN_MS },
    );
    await reallyPlays(page, { sound: sample.sound, durationMs: sample.durationMs ?? 0 });
    await noMediaErrors(page);
  } else if (sample.shows === 'still') {
    await expect
      .poll(() =>
        page.getByTestId('still').evaluate((still) => (still as HTMLImageElement).naturalWidth),
      )
      .toBe(event.width);
  } else {
    const trouble = page.getByTestId('stage-trouble');
    // It was tried to make a copy, in vain.
    await expect(trouble).toContainText('Browsers can’t play this clip', {
      timeout: COPY_WITHIN_MS,
    });
    await expect(trouble.getByRole('link', { name: 'Download' })).toBeVisible();
  }
  await expect(page.getByTestId('incomplete')).toHaveCount(sample.complete ? 0 : 1);
}

test('every format that cameras send', async ({ browser }) => {
  test.setTimeout(120_000);
  const folder = await mkdtemp(join(tmpdir(), 'camtrail-samples-'));
  const box = await Box.start();
  const context = await browser.newContext({ baseURL: `${box.url}/` });
  try {
    const samples = await makeSamples(folder);
    for (const sample of samples) await box.upload(sample.file, `${sample.name}/${sample.path}`);
    const page = await context.newPage();
    await watchMediaErrors(page);
    await page.goto('./');
    await signIn(page, ADMIN);
    const events = await eventsWithMedia(page, box, samples.length);
    for (const sample of samples) {
      await test.step(sample.name, async () => {
        const event = events.find(({ camera_name }) => camera_name === sample.name);
        expect(event, 'an event').toBeDefined();
        if (event === undefined) return;
        const { kind, complete, video_codec } = event;
        expect.soft({ kind, complete, video_codec }, sample.name).toEqual({
          kind: sample.kind,
          complete: sample.complete,
          video_codec: sample.codec,
        });
        if (sample.durationMs === null) expect.soft(event.duration_ms, sample.name).toBeNull();
        else {
          const off = Math.abs((event.duration_ms ?? 0) - sample.durationMs);
          expect
            .soft(off, `${sample.name}: ${event.duration_ms}`)
            .toBeLessThanOrEqual(DURATION_WITHIN_MS);
        }
        if (sample.name !== 'mp4-without-index') await posterLoads(page, event);
        await shows(page, sample, event);
      });
    }
  } finally {
    await context.close();
    await box.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
