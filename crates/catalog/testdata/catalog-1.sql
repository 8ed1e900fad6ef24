-- A catalog of version 1 as the first release wrote it, in text; never made anew.
BEGIN TRANSACTION;
CREATE TABLE cameras (
  name            TEXT PRIMARY KEY,
  events          INTEGER NOT NULL DEFAULT 0,
  last_seen_at    INTEGER,
  clock_error_ms  INTEGER,
  test_name       TEXT,
  test_size       INTEGER,
  test_at         INTEGER
) WITHOUT ROWID;
INSERT INTO "cameras" VALUES('backyard',1,1472596200000,NULL,NULL,NULL,NULL);
CREATE TABLE changes (
  seq       INTEGER PRIMARY KEY AUTOINCREMENT,
  what      INTEGER NOT NULL,
  event_ts  INTEGER NOT NULL,
  fraction  INTEGER NOT NULL,
  kind      INTEGER NOT NULL,
  camera    TEXT    NOT NULL
);
INSERT INTO "changes" VALUES(1,0,1472596194000,123456789,0,'backyard');
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
INSERT INTO "events" VALUES(1,1472596194000,123456789,0,'backyard','patrolcams/backyard/2016-08-30/Hour-15/record/MDalarm_20160830_152954.mp4','2016-08-30',4,-25200,'name',NULL,1472596200000,1472596201000,'67905ad3cc2dd52b1f5f6a6d2814de0396618b29b4238b9af5207aeb69936e6d','67905ad3cc2dd52b1f5f6a6d2814de0396618b29b4238b9af5207aeb69936e6d',4,'record/MDalarm_20160830_152954.mkv',1,'video/mp4',NULL,NULL,NULL,NULL,0,0,0,NULL);
CREATE TABLE ftp_accounts (
  user           TEXT PRIMARY KEY,
  password_hash  TEXT NOT NULL,
  camera         TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "ftp_accounts" VALUES('camera','$argon2id$kept','*');
CREATE TABLE secrets (
  name   TEXT PRIMARY KEY,
  value  BLOB NOT NULL
) WITHOUT ROWID;
INSERT INTO "secrets" VALUES('links',X'0909090909090909090909090909090909090909090909090909090909090909');
CREATE TABLE sessions (
  token_sha256  BLOB PRIMARY KEY,
  user          TEXT    NOT NULL REFERENCES users (name),
  created_at    INTEGER NOT NULL,
  expires_at    INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "sessions" VALUES(X'0707070707070707070707070707070707070707070707070707070707070707','admin',10,4102444800000);
CREATE TABLE users (
  name           TEXT PRIMARY KEY,
  password_hash  TEXT    NOT NULL,
  role           TEXT    NOT NULL,
  disabled       INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO "users" VALUES('admin','$argon2id$kept','admin',0);
CREATE UNIQUE INDEX events_by_time ON events (kind, event_ts, fraction, camera, capture_date);
CREATE INDEX events_by_camera ON events (camera, kind, event_ts, fraction, capture_date);
CREATE INDEX sessions_by_user ON sessions (user);
CREATE INDEX sessions_by_end ON sessions (expires_at);
COMMIT;
PRAGMA user_version = 1;
