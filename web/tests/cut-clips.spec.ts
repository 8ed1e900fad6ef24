/** Clips of which a part arrived (NEVER-19): kept, marked, and played as far as the container allows. */
import { expect, test } from '@playwright/test';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { signIn } from './support/app';
import { ADMIN, Box, CLIP } from './support/box';
import { eventsWithMedia } from './support/events';
import { noMediaErrors, posterLoads, reallyPlays, watchMediaErrors } from './support/playing';

const REAL_CLIP_MS = 27_810;
const FIRST_BYTES = 300_001;
const STEP_BYTES = 500_000;

/** The lengths at which a clip is cut. */
function cuts(length: number, step: number): number[] {
  const all: number[] = [];
  for (let at = FIRST_BYTES; at < length; at += step) all.push(at);
  return all;
}

test('what arrived of a cut clip plays', async ({ browser }) => {
  test.setTimeout(120_000);
  const folder = await mkdtemp(join(tmpdir(), 'camtrail-cuts-'));
  const box = await Box.start();
  const context = await browser.newContext({ baseURL: `${box.url}/` });
  try {
    const remux = async (name: string, ...options: string[]) => {
      const file = join(folder, name);
      const words = ['-nostdin', '-v', 'error', '-i', CLIP, '-an', '-c', 'copy', ...options, file];
      await promisify(execFile)('ffmpeg', words);
      return readFile(file);
    };
    const clips = [
      { name: 'stream', extension: 'mkv', bytes: await readFile(CLIP), plays: true },
      {
        name: 'index-first',
        extension: 'mp4',
        bytes: await remux('first.mp4', '-movflags', '+faststart'),
        plays: true,
      },
      // Its index comes last, and never came: kept as it is, and said so.
      { name: 'index-last', extension: 'mp4', bytes: await remux('last.mp4'), plays: false },
    ].flatMap((clip) =>
      cuts(clip.bytes.length, clip.plays ? STEP_BYTES : 3 * STEP_BYTES).map((length) => ({
        ...clip,
        length,
        camera: `${clip.name}-${length}`,
      })),
    );
    for (const { bytes, length, camera, extension } of clips) {
      const path = `${camera}/record/MDalarm_20160830_152954.${extension}`;
      await box.uploadCut(bytes.subarray(0, length), path);
    }

    const page = await context.newPage();
    await watchMediaErrors(page);
    await page.goto('./');
    await signIn(page, ADMIN);
    const events = await eventsWithMedia(page, box, clips.length);
    let before = 0;
    for (const { camera, length, plays } of clips) {
      await test.step(camera, async () => {
        const event = events.find(({ camera_name }) => camera_name === camera);
        expect(event, camera).toBeDefined();
        if (event === undefined) return;
        expect(event.complete, camera).toBe(false);
        await page.goto(`./event/${event.id}`);
        if (plays) {
          const durationMs = event.duration_ms ?? 0;
          // The more arrived, the longer it is.
          const isFirst = length === FIRST_BYTES;
          expect(durationMs, camera).toBeGreaterThan(isFirst ? 500 : before);
          expect(durationMs, camera).toBeLessThan(REAL_CLIP_MS);
          before = durationMs;
          await posterLoads(page, event);
          await reallyPlays(page, { sound: false, durationMs });
          await noMediaErrors(page);
        } else {
          expect(event.playable, camera).toBe(false);
          expect(event.size, 'kept byte for byte').toBe(length);
          // It was tried to make a copy, in vain.
          await expect(page.getByTestId('stage-trouble')).toContainText(
            'Browsers can’t play this clip',
            { timeout: 30_000 },
          );
        }
        await expect(page.getByTestId('incomplete')).toBeVisible();
      });
    }
  } finally {
    await context.close();
    await box.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
