/** The API's words, as people say them. A later version's are shown as they come. */

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
