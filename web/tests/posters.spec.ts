/** NEVER-7: cameras that record in one second under one name keep their own posters. */
import { expect, test, type Page } from '@playwright/test';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { signIn } from './support/app';
import { ADMIN, Box } from './support/box';
import { eventsWithMedia } from './support/events';

const COLOURS = ['red', 'lime', 'blue', 'yellow', 'cyan', 'magenta'] as const;
const CLIP_NAME = 'record/MDalarm_20160830_155137.mp4';
const STILL_NAME = 'snap/MDAlarm_20160830-155137.jpg';

/** Which of the colours the middle of a picture is nearest to. */
async function colourOf(page: Page, url: string): Promise<string> {
  return page.evaluate(
    async ([address, colours]) => {
      const canvas = document.createElement('canvas');
      const brush = canvas.getContext('2d', { willReadFrequently: true });
      if (brush === null) throw new Error('no canvas');
      const pixel = () => [...brush.getImageData(0, 0, 1, 1).data].slice(0, 3);
      const painted = colours.map((colour) => {
        brush.fillStyle = colour;
        brush.fillRect(0, 0, 1, 1);
        return { colour, pixel: pixel() };
      });
      const image = new Image();
      image.src = address;
      await image.decode();
      brush.drawImage(image, -image.naturalWidth / 2, -image.naturalHeight / 2);
      const middle = pixel();
      const distance = (other: number[]) =>
        other.reduce((sum, part, index) => sum + Math.abs(part - (middle[index] ?? 0)), 0);
      painted.sort((a, b) => distance(a.pixel) - distance(b.pixel));
      return painted[0]?.colour ?? 'nothing';
    },
    [url, COLOURS] as const,
  );
}

test('six cameras, one second, one file name: each has its own poster', async ({ browser }) => {
  const folder = await mkdtemp(join(tmpdir(), 'camtrail-posters-'));
  const box = await Box.start();
  const context = await browser.newContext({ baseURL: `${box.url}/` });
  try {
    const make = async (colour: string, file: string, ...options: string[]) => {
      const source = ['-f', 'lavfi', '-i', `color=${colour}:s=320x180:r=10:d=1`];
      const words = ['-nostdin', '-v', 'error', ...source, '-pix_fmt', 'yuvj420p', ...options];
      await promisify(execFile)('ffmpeg', [...words, join(folder, file)]);
    };
    for (const colour of COLOURS) {
      await make(colour, `${colour}.mp4`, '-c:v', 'libx264', '-preset', 'ultrafast');
      await make(colour, `${colour}.jpg`, '-frames:v', '1');
    }
    const uploads = COLOURS.flatMap((colour) => [
      box.upload(join(folder, `${colour}.mp4`), `${colour}/${CLIP_NAME}`),
      box.upload(join(folder, `${colour}.jpg`), `${colour}/${STILL_NAME}`),
    ]);
    await Promise.all(uploads);

    const page = await context.newPage();
    await page.goto('./');
    await signIn(page, ADMIN);
    const events = await eventsWithMedia(page, box, uploads.length);
    expect(new Set(events.map(({ event_ts }) => event_ts)).size, 'one second').toBe(1);
    for (const { camera_name, kind, poster_url } of events) {
      const shown = await colourOf(page, poster_url ?? 'nothing');
      expect(shown, `${kind} of ${camera_name}`).toBe(camera_name);
    }
  } finally {
    await context.close();
    await box.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
