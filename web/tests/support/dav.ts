/**
 * Dahua's container (`.dav`), which ffmpeg reads and doesn't write: a frame is a 24-byte header, a few extensions, the
 * picture, and a trailer that repeats the length.
 */
const HEADER_BYTES = 24;
const TRAILER_BYTES = 8;
const KEY_FRAME = 0xfd;
const OTHER_FRAME = 0xfc;
const H264 = 2;
/** The recorder's clock counts whole seconds since 2000 in six fields; milliseconds stand beside it. */
const STARTED = new Date('2026-08-15T10:07:39Z');

/** Wraps an Annex B stream whose pictures begin with access-unit delimiters, in display order. */
export function dav(stream: Buffer, size: { width: number; height: number }, rate: number): Buffer {
  const pictures = split(stream);
  return Buffer.concat(
    pictures.map((picture, number) => frame(picture, number, (number * 1000) / rate, size, rate)),
  );
}

function split(stream: Buffer): Buffer[] {
  const delimiter = Buffer.from([0, 0, 0, 1, 0x09]);
  const starts: number[] = [];
  for (let at = stream.indexOf(delimiter); at >= 0; at = stream.indexOf(delimiter, at + 1)) {
    starts.push(at);
  }
  return starts.map((start, index) => stream.subarray(start, starts[index + 1]));
}

function frame(
  picture: Buffer,
  number: number,
  ms: number,
  { width, height }: { width: number; height: number },
  rate: number,
): Buffer {
  const isKey = picture.includes(Buffer.from([0, 0, 1, 0x65]));
  // 0x81: codec and pictures a second; 0x82: size in pixels.
  const extensions = Buffer.from([0x81, 0, H264, rate, 0x82, 0, 0, 0, 0, 0, 0, 0]);
  extensions.writeUInt16LE(width, 8);
  extensions.writeUInt16LE(height, 10);
  const length = HEADER_BYTES + extensions.length + picture.length + TRAILER_BYTES;
  const header = Buffer.alloc(HEADER_BYTES);
  header.write('DHAV');
  header.writeUInt8(isKey ? KEY_FRAME : OTHER_FRAME, 4);
  header.writeUInt32LE(number, 8);
  header.writeUInt32LE(length, 12);
  header.writeUInt32LE(packedTime(STARTED.getTime() + ms), 16);
  header.writeUInt16LE(Math.round(ms) % 65_536, 20);
  header.writeUInt8(extensions.length, 22);
  header.writeUInt8(
    header.subarray(0, 23).reduce((sum, byte) => (sum + byte) & 0xff, 0),
    23,
  );
  const trailer = Buffer.from('dhav____');
  trailer.writeUInt32LE(length, 4);
  return Buffer.concat([header, extensions, picture, trailer]);
}

function packedTime(ms: number): number {
  const time = new Date(ms);
  const fields = [
    [time.getUTCFullYear() - 2000, 26],
    [time.getUTCMonth() + 1, 22],
    [time.getUTCDate(), 17],
    [time.getUTCHours(), 12],
    [time.getUTCMinutes(), 6],
    [time.getUTCSeconds(), 0],
  ] as const;
  return fields.reduce((packed, [value, shift]) => packed + value * 2 ** shift, 0);
}
