-- Browsers that asked for Web Push.
CREATE TABLE push_subscriptions (
  id          TEXT PRIMARY KEY,
  user        TEXT NOT NULL,
  endpoint    TEXT NOT NULL,
  p256dh      BLOB NOT NULL,
  auth        BLOB NOT NULL,
  created_at  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX push_by_user ON push_subscriptions (user, created_at);
