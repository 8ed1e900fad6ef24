/** What stands in a poster's box until the poster is painted: a ThumbHash as a picture of 32 pixels. */
import { thumbHashToDataURL } from 'thumbhash';

/** A ThumbHash is at most 25 bytes; what is shorter than its header isn't one. */
const MIN_BYTES = 5;
const MAX_BYTES = 25;
/** Cards come and go while one scrolls. */
const KEPT = 300;

const made = new Map<string, string | null>();

/** A data URL; `null` where there is none, or what there is isn't a ThumbHash. */
export function blurUrl(hash: string | null | undefined): string | null {
  if (hash == null) return null;
  let url = made.get(hash);
  if (url === undefined) {
    url = draw(hash);
    if (made.size >= KEPT) made.delete(made.keys().next().value ?? '');
    made.set(hash, url);
  }
  return url;
}

function draw(hash: string): string | null {
  try {
    const bytes = Uint8Array.from(atob(hash), (char) => char.charCodeAt(0));
    if (bytes.length < MIN_BYTES || bytes.length > MAX_BYTES) return null;
    return thumbHashToDataURL(bytes);
  } catch {
    return null;
  }
}
