/** What cameras send, in every format: made by ffmpeg once for each run, and the two real uploads. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { CLIP, STILL } from './box';
import { dav } from './dav';
import { headerDuration, startAt } from './fragments';

const run = promisify(execFile);

const RATE = 25;
const SECONDS = 4;
const SIZE = { width: 640, height: 360 };
/** The real clip's. */
const REAL_CLIP_MS = 27_810;

export interface Sample {
  /** Also the name of the camera that sends it. */
  name: string;
  /** The file on our disk. */
  file: string;
  /** Its path below the camera's folder, as the camera names it. */
  path: string;
  kind: 'record' | 'snap';
  codec: 'h264' | 'hevc' | 'mjpeg' | 'mpeg4' | null;
  durationMs: number | null;
  complete: boolean;
  /** What the app shows; `copy`: an H.264 copy, made then; `if-able`: that, or the clip where the browser can. */
  shows: 'video' | 'still' | 'trouble' | 'copy' | 'if-able';
  sound: boolean;
}

/** Makes all of them in `folder`. */
export async function makeSamples(folder: string): Promise<Sample[]> {
  const at = (name: string) => join(folder, name);
  const ffmpeg = (...words: string[]) => run('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...words]);
  const pictures = [
    '-f',
    'lavfi',
    '-i',
    `testsrc=s=${SIZE.width}x${SIZE.height}:r=${RATE}:d=${SECONDS}`,
  ];
  const sound = ['-f', 'lavfi', '-i', `sine=f=440:r=48000:d=${SECONDS}`];
  const h264 = [
    ...'-c:v libx264 -preset ultrafast -bf 0 -pix_fmt yuv420p'.split(' '),
    '-g',
    `${RATE}`,
  ];

  const base = at('base.mp4');
  await ffmpeg(...pictures, ...sound, ...h264, '-c:a', 'aac', base);
  const annexB = '-an -c copy -bsf:v h264_mp4toannexb,h264_metadata=aud=insert -f h264'.split(' ');
  await ffmpeg('-i', base, ...annexB, at('pictures.h264'));

  const samples: Sample[] = [];
  const add = (name: string, path: string, more: Partial<Sample> = {}): string => {
    const file = more.file ?? at(name);
    samples.push({
      name,
      file,
      path,
      kind: 'record',
      codec: 'h264',
      durationMs: SECONDS * 1000,
      complete: true,
      shows: 'video',
      sound: false,
      ...more,
    });
    return file;
  };
  /** The base clip's streams in another container. */
  const copy = (options: string, out: string) =>
    ffmpeg('-i', base, '-c', 'copy', ...options.split(' '), out);

  const fragments = '-movflags frag_keyframe+empty_moov+default_base_moof+skip_trailer -f mp4';
  const reolink = add('reolink-fragments', 'RLC_00_20260815100739.mp4', { sound: true });
  await copy(fragments, reolink);
  const recorded = await readFile(reolink);
  if (headerDuration(recorded) !== 0)
    throw new Error('the header tells a duration: no Reolink does');
  await writeFile(
    add('fragments-at-hours', 'RLC_00_20260815100740.mp4', { sound: true }),
    startAt(31_838, recorded),
  );
  await copy('-f mp4', add('index-last', 'clip_20260815_100741.mp4', { sound: true }));
  await copy(
    '-an -bsf:v h264_mp4toannexb -f vob',
    add('foscam-program-stream', 'record/MDalarm_20260815_100742.mkv'),
  );
  await copy(
    '-output_ts_offset 31838 -f mpegts',
    add('transport-stream-at-hours', 'clip_20260815_100743.ts', { sound: true }),
  );
  await copy('-f matroska', add('matroska', 'clip_20260815_100744.mkv', { sound: true }));
  await copy('-an -bsf:v h264_mp4toannexb -f avi', add('h264-avi', 'clip_20260815_100745.avi'));
  await copy('-f h264 -an -bsf:v h264_mp4toannexb', add('raw-h264', 'clip_20260815_100746.h264'));
  await writeFile(
    add('dahua-dav', '2026-08-15/001/dav/10/10.07.47-10.07.51[M][0@0][0].dav'),
    dav(await readFile(at('pictures.h264')), SIZE, RATE),
  );
  // ffmpeg's MP4 muxer refuses what cameras do; its QuickTime muxer writes the same boxes.
  for (const [codec, second] of [
    ['pcm_alaw', 48],
    ['pcm_mulaw', 49],
    ['pcm_s16le', 50],
  ] as const) {
    await ffmpeg(
      ...['-i', base, '-c:v', 'copy', '-c:a', codec, '-ar', '8000', '-f', 'mov'],
      add(`mp4-${codec.replaceAll('_', '-')}`, `clip_20260815_1007${second}.mp4`, { sound: true }),
    );
  }

  const hevc =
    '-c:v libx265 -preset ultrafast -x265-params log-level=none:bframes=0 -pix_fmt yuv420p';
  await ffmpeg(
    ...pictures,
    ...hevc.split(' '),
    ...['-f', 'hevc'],
    add('raw-h265', 'clip_20260815_100751.h265', { codec: 'hevc', shows: 'if-able' }),
  );
  await ffmpeg(
    ...pictures,
    ...sound,
    ...'-c:v mjpeg -q:v 8 -c:a pcm_s16le'.split(' '),
    ...['-f', 'avi'],
    add('motion-jpeg-avi', 'clip_20260815_100752.avi', {
      codec: 'mjpeg',
      shows: 'copy',
      sound: true,
    }),
  );
  await ffmpeg(
    ...pictures,
    ...sound,
    ...'-c:v mpeg4 -q:v 6 -c:a aac -f mp4'.split(' '),
    add('mpeg4-part-2', 'clip_20260815_100755.mp4', { codec: 'mpeg4', shows: 'copy', sound: true }),
  );

  const indexLast = await readFile(base);
  await writeFile(
    add('mp4-without-index', 'clip_20260815_100753.mp4', {
      codec: null,
      durationMs: null,
      complete: false,
      shows: 'trouble',
    }),
    indexLast.subarray(0, Math.floor(indexLast.length * 0.6)),
  );

  const realStill = await readFile(STILL);
  const still = { kind: 'snap', codec: null, durationMs: null, shows: 'still' } as const;
  await writeFile(
    add('jpeg-without-end', 'snap/MDAlarm_20260815-100754.jpg', { ...still, complete: false }),
    realStill.subarray(0, realStill.length - 2),
  );
  add('real-still', 'snap/MDAlarm_20160830-155137.jpg', { ...still, file: STILL });
  add('real-clip', 'record/MDalarm_20160830_152954.mkv', { file: CLIP, durationMs: REAL_CLIP_MS });
  return samples;
}
