/** The API's words, as people say them. A later version's are shown as they come. */
import type { AuditEntry } from '../api/types';
import { localTime } from '../time';

const ACTIONS: Record<string, string> = {
  signed_in: 'Signed in',
  sign_in_failed: 'Sign-in failed',
  signed_out: 'Signed out',
  password_changed: 'Changed the password',
  user_added: 'Added a person',
  user_changed: 'Changed a person',
  user_disabled: 'Locked a person out',
  token_created: 'Made a token',
  token_revoked: 'Revoked a token',
  share_created: 'Shared an event',
  share_opened: 'Opened a share',
  share_revoked: 'Revoked a share',
  share_refused: 'Came to a share that had ended',
  event_protected: 'Protected an event',
  event_unprotected: 'Took a protection away',
  event_noted: 'Wrote a note',
  event_deleted: 'Deleted an event',
  groups_replaced: 'Changed the groups',
  camera_added: 'Added a camera',
  camera_token_created: 'Made a token for a camera',
  camera_tokens_revoked: 'Revoked a camera’s tokens',
};

const spoken = (word: string): string => {
  const text = word.replaceAll('_', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
};

export const actionName = (action: string): string => ACTIONS[action] ?? spoken(action);

/** An entry of the log, in parts that can be drawn. */
export interface Told {
  who: string;
  whom: string | null;
  /** The event that it is about, if it may still be there. */
  event: string | null;
  more: string | null;
}

/** Ids of shares and tokens say nothing to anybody; an event's leads to it. */
export function told(entry: AuditEntry): Told {
  const { action } = entry;
  const subject = entry.subject || null;
  const detail = entry.detail || null;
  const who = entry.who ?? (action.startsWith('share_') ? 'Somebody with the link' : 'Unknown');
  const plain: Told = { who, whom: null, event: null, more: detail };
  if (action.startsWith('share_')) {
    const [, event = null, rest = ''] = /^event (\w+)(?:[,:] )?(.*)$/.exec(detail ?? '') ?? [];
    return event === null ? plain : { ...plain, event, more: ended(rest) };
  }
  if (action === 'event_deleted') return { ...plain, more: detail ?? subject };
  if (action.startsWith('event_')) return { ...plain, event: subject };
  if (action.startsWith('token_')) return { ...plain, more: detail ?? subject };
  return { ...plain, whom: subject !== entry.who ? subject : null };
}

const ENDS: Record<string, string> = { gone: 'the event is gone', expired: 'its time was over' };

/** `until 2026-12-07T05:03:27.138Z`, `revoked`, `expired`, `gone`; or nothing. */
function ended(rest: string): string | null {
  if (rest.startsWith('until ')) return `until ${localTime(rest.slice('until '.length))}`;
  return rest === '' ? null : (ENDS[rest] ?? rest);
}

const CHANNELS: Record<string, string> = {
  webhook: 'Webhook',
  mqtt: 'MQTT',
  email: 'Mail',
  ntfy: 'ntfy',
  web_push: 'Web Push, to browsers that asked for it',
};

export const channelName = (kind: string): string => CHANNELS[kind] ?? spoken(kind);

const TRIGGERS: Record<string, string> = {
  event: 'Something was captured',
  camera_silent: 'A camera went silent',
  camera_back: 'A silent camera was heard from',
  gateway_trouble: 'Clips can’t be stored',
};

export const triggerName = (on: string): string => TRIGGERS[on] ?? spoken(on);
