-- One row an event. (event_ts, fraction, kind, camera) is the event's id and the order of the timeline
-- (docs/design/order.md). Times are milliseconds since 1970, UTC. kind: 0 record, 1 snap.
CREATE TABLE events (
  row_id             INTEGER PRIMARY KEY,
  event_ts           INTEGER NOT NULL,
  fraction           INTEGER NOT NULL,
  kind               INTEGER NOT NULL,
  camera             TEXT    NOT NULL,
  object_key         TEXT    NOT NULL UNIQUE,
  capture_date       TEXT    NOT NULL,
  size               INTEGER NOT NULL,
  offset_s           INTEGER NOT NULL,
  time_source        TEXT    NOT NULL,
  clock_error_ms     INTEGER,
  received_at        INTEGER NOT NULL,
  stored_at          INTEGER NOT NULL,
  sha256             TEXT,
  original_sha256    TEXT,
  original_size      INTEGER NOT NULL,
  original_name      TEXT    NOT NULL,
  complete           INTEGER NOT NULL,
  content_type       TEXT    NOT NULL,
  duration_ms        INTEGER,
  width              INTEGER,
  height             INTEGER,
  video_codec        TEXT,
  poster             INTEGER NOT NULL DEFAULT 0,
  playable_copy      INTEGER NOT NULL DEFAULT 0,
  protected          INTEGER NOT NULL DEFAULT 0,
  note               TEXT
);
-- The timeline of each kind; the whole timeline is the merge of the two.
CREATE UNIQUE INDEX events_by_time ON events (kind, event_ts, fraction, camera, capture_date);
-- The same of one camera; several cameras are the merge of theirs.
CREATE INDEX events_by_camera ON events (camera, kind, event_ts, fraction, capture_date);

CREATE TABLE cameras (
  name            TEXT PRIMARY KEY,
  events          INTEGER NOT NULL DEFAULT 0,
  last_seen_at    INTEGER,
  clock_error_ms  INTEGER,
  test_name       TEXT,
  test_size       INTEGER,
  test_at         INTEGER
) WITHOUT ROWID;

-- What changed, in order: an event is 0 new, 1 changed, 2 removed; 3 is a camera, the event's columns zero.
CREATE TABLE changes (
  seq       INTEGER PRIMARY KEY AUTOINCREMENT,
  what      INTEGER NOT NULL,
  event_ts  INTEGER NOT NULL,
  fraction  INTEGER NOT NULL,
  kind      INTEGER NOT NULL,
  camera    TEXT    NOT NULL
);

CREATE TABLE users (
  name           TEXT PRIMARY KEY,
  password_hash  TEXT    NOT NULL,
  role           TEXT    NOT NULL,
  disabled       INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE sessions (
  token_sha256  BLOB PRIMARY KEY,
  user          TEXT    NOT NULL REFERENCES users (name),
  created_at    INTEGER NOT NULL,
  expires_at    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE ftp_accounts (
  user           TEXT PRIMARY KEY,
  password_hash  TEXT NOT NULL,
  camera         TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE secrets (
  name   TEXT PRIMARY KEY,
  value  BLOB NOT NULL
) WITHOUT ROWID;
