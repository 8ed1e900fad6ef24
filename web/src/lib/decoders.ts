/** What this browser has a decoder for. */

/**
 * One level of each codec that cameras send and some browsers lack. An answer of "no" is meant; a "maybe" is
 * found out by playing.
 */
const ASKED_AS: Record<string, string> = {
  hevc: 'hvc1.1.6.L93.B0',
  mpeg4: 'mp4v.20.9',
  av1: 'av01.0.04M.08',
};

const known = new Map<string, boolean>();

/** `false`: it won't play, and trying would show nothing, or play the sound alone. */
export function decodes(codec: string | null | undefined): boolean {
  const asked = ASKED_AS[codec ?? ''];
  if (codec == null || asked === undefined) return true;
  let answer = known.get(codec);
  if (answer === undefined) {
    answer = document.createElement('video').canPlayType(`video/mp4; codecs="${asked}"`) !== '';
    known.set(codec, answer);
  }
  return answer;
}
