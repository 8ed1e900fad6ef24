/** Fragmented MP4 as cameras write it while they record, which ffmpeg alone doesn't make. */

/** Where each box of this kind has its content (found by its name: fine for files of our own making). */
function* boxes(file: Buffer, kind: string): Generator<number> {
  for (let at = file.indexOf(kind); at >= 0; at = file.indexOf(kind, at + 1))
    yield at + kind.length;
}

/** The duration in the movie's header (`mvhd`, version 0), in its own ticks. */
export function headerDuration(file: Buffer): number {
  const [at] = boxes(file, 'mvhd');
  if (at === undefined) throw new Error('there is no mvhd');
  return file.readUInt32BE(at + 16);
}

/** Moves every fragment's time, as of a camera whose clock has been running for so long. */
export function startAt(seconds: number, original: Buffer): Buffer {
  const file = Buffer.from(original);
  const timescales = [...boxes(file, 'mdhd')].map((at) => file.readUInt32BE(at + 12));
  const tracks = [...boxes(file, 'tfhd')].map((at) => file.readUInt32BE(at + 4));
  const times = [...boxes(file, 'tfdt')];
  times.forEach((at, index) => {
    // ffmpeg counts tracks from 1 and writes 64-bit times.
    const timescale = timescales[(tracks[index] ?? 0) - 1];
    if (timescale === undefined) throw new Error('a fragment of no track');
    const moved = file.readBigUInt64BE(at + 4) + BigInt(seconds) * BigInt(timescale);
    file.writeBigUInt64BE(moved, at + 4);
  });
  return file;
}
