/** Clips that Chromium has no decoder for, made by ffmpeg. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const SECONDS = 6;

const ENCODERS = {
  hevc: '-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=25 -tag:v hvc1',
  mpeg4: '-c:v mpeg4 -q:v 6 -g 25',
  h264: '-c:v libx264 -preset ultrafast -g 25',
} as const;

/** A moving test picture with sound, in an MP4; returns where it is. */
export async function makeClip(
  folder: string,
  codec: keyof typeof ENCODERS,
  size = '640x360',
  seconds = SECONDS,
): Promise<string> {
  const file = join(folder, `${codec}-${size}-${seconds}.mp4`);
  await run('ffmpeg', [
    ...['-nostdin', '-v', 'error', '-y'],
    ...['-f', 'lavfi', '-i', `testsrc2=s=${size}:r=25:d=${seconds}`],
    ...['-f', 'lavfi', '-i', `sine=f=440:r=48000:d=${seconds}`],
    ...ENCODERS[codec].split(' '),
    ...['-pix_fmt', 'yuv420p', '-c:a', 'aac', '-movflags', '+faststart', file],
  ]);
  return file;
}
