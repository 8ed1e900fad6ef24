/**
 * Which of an event's files to play. This is the room for every copy that an event may have: a new
 * one is another entry of `available`, and players fall back through the list by themselves.
 */
import type { Event } from './api/types';
import { decodes } from './decoders';

/**
 * `small`: the rendition for phones. `full`: what the timeline keeps. `h264`: the copy of it at its own
 * size, for browsers that can't play it.
 */
export type Rendition = 'small' | 'full' | 'h264';

/** All that could be played here, the wanted one first. */
export function available(
  event: Event,
  wantsSmall: boolean,
  playsHere: (codec: string | null | undefined) => boolean = decodes,
): Rendition[] {
  const all: Rendition[] = [];
  if (event.playable && playsHere(event.video_codec)) all.push('full');
  if (event.h264_url != null) all.push('h264');
  // Always H.264: it also stands in for what this browser can't decode.
  if (event.small_url != null) all.splice(wantsSmall ? 0 : all.length, 0, 'small');
  return all;
}

export function urlOf(event: Event, rendition: Rendition): string {
  const copies = { small: event.small_url, h264: event.h264_url, full: null };
  return copies[rendition] ?? event.media_url;
}

/** A clip may have an H.264 copy, and has none yet. */
export const lacksCopy = (event: Event): boolean =>
  event.kind === 'record' && event.h264_url == null;
