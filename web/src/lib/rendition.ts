/**
 * Which of an event's files to play. This is the room for every copy that an event may have: a new
 * one is another entry of `available`, and players fall back through the list by themselves. Pure.
 */
import type { Event } from './api/types';

/** `small`: the rendition for phones. `full`: what the timeline keeps. */
export type Rendition = 'small' | 'full';

/** All that could be played, the wanted one first. */
export function available(event: Event, wantsSmall: boolean): Rendition[] {
  const all: Rendition[] = [];
  if (event.playable) all.push('full');
  // Always H.264: it also stands in for what this browser can't decode.
  if (event.small_url != null) all.push('small');
  return wantsSmall ? all.reverse() : all;
}

export function urlOf(event: Event, rendition: Rendition): string {
  return (rendition === 'small' ? event.small_url : null) ?? event.media_url;
}
