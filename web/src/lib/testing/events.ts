/** Made-up captures for unit tests. */
import type { Event } from '../api/types';

const OFFSET_MS = -7 * 3_600_000;

/** An event of a camera at UTC−7; `ts` in epoch milliseconds. */
export function anEvent(id: string, ts: number, over: Partial<Event> = {}): Event {
  const wall = new Date(ts + OFFSET_MS).toISOString();
  return {
    id,
    kind: 'record',
    camera_name: 'backyard',
    event_ts: ts,
    captured_at: wall.replace('Z', '-07:00'),
    capture_date: wall.slice(0, 10),
    capture_hour: `Hour-${Number(wall.slice(11, 13))}`,
    time_source: 'name',
    clock_error_ms: null,
    name: `${id}.mp4`,
    size: 1,
    content_type: 'video/mp4',
    duration_ms: 10_000,
    width: 1280,
    height: 720,
    video_codec: 'h264',
    complete: true,
    playable: true,
    object_key: `patrolcams/backyard/${id}.mp4`,
    media_url: `api/v1/media/${id}`,
    download_url: `api/v1/media/${id}?download=1`,
    original_url: null,
    small_url: null,
    poster_url: null,
    media_expires_at: wall,
    received_at: wall,
    stored_at: wall,
    sha256: id,
    original_sha256: id,
    viewed: false,
    protected: false,
    note: null,
    ...over,
  };
}
