/** Whether media really show in the browser: decoded pictures, time that advances, no error on the way. */
import { expect, type Page } from '@playwright/test';

import type { ListedEvent } from './events';

interface Watched {
  mediaErrors: string[];
}
interface Counting extends HTMLVideoElement {
  webkitAudioDecodedByteCount: number;
}

/** Notes every error event of a video from the next page load on: the app tries once more by itself. */
export async function watchMediaErrors(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const errors: string[] = [];
    (window as unknown as Watched).mediaErrors = errors;
    const note = ({ target }: Event) => {
      if (target instanceof HTMLVideoElement) {
        errors.push(`${target.error?.code}: ${target.error?.message}`);
      }
    };
    document.addEventListener('error', note, true);
  });
}

export async function noMediaErrors(page: Page): Promise<void> {
  expect(await page.evaluate(() => (window as unknown as Watched).mediaErrors)).toEqual([]);
}

export interface Expected {
  /** Whether sound is decoded, too. */
  sound: boolean;
  durationMs: number;
}

/** Plays the open event for a moment, at twice the speed. */
export async function reallyPlays(page: Page, { sound, durationMs }: Expected): Promise<void> {
  const video = page.getByTestId('video');
  await video.evaluate((element: HTMLVideoElement) => {
    element.playbackRate = 2;
    return element.play();
  });
  await expect
    .poll(() => video.evaluate((element: HTMLVideoElement) => element.currentTime))
    .toBeGreaterThan(0.5);
  const seen = await video.evaluate((element: Counting) => ({
    ready: element.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA,
    size: element.videoWidth > 100 && element.videoHeight > 100,
    pictures: element.getVideoPlaybackQuality().totalVideoFrames > 2,
    sound: element.webkitAudioDecodedByteCount > 0,
    error: element.error?.message ?? null,
    now: element.currentTime,
    lasts: element.duration,
  }));
  const { now, lasts, ...rest } = seen;
  expect(rest).toEqual({ ready: true, size: true, pictures: true, sound, error: null });
  // The player's own idea of the time: a clip whose clock starts at hours must not be shown as hours long.
  expect(Math.abs(lasts * 1000 - durationMs), `the player says ${lasts} s`).toBeLessThan(300);
  expect(now).toBeLessThanOrEqual(lasts);
}

/** The event's poster is there and has pixels. */
export async function posterLoads(page: Page, event: ListedEvent): Promise<void> {
  const width = await page.evaluate(async (url) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    return image.naturalWidth;
  }, event.poster_url ?? 'nothing');
  expect(width).toBeGreaterThan(100);
}
