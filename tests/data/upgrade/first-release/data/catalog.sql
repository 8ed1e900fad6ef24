PRAGMA foreign_keys = OFF;
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
INSERT INTO "cameras" VALUES('backyard',3,1796016114500,NULL,NULL,NULL,NULL);
INSERT INTO "cameras" VALUES('gate',2,1796016114541,NULL,'test.txt',12,1796016114541);
CREATE TABLE changes (
  seq       INTEGER PRIMARY KEY AUTOINCREMENT,
  what      INTEGER NOT NULL,
  event_ts  INTEGER NOT NULL,
  fraction  INTEGER NOT NULL,
  kind      INTEGER NOT NULL,
  camera    TEXT    NOT NULL
);
INSERT INTO "changes" VALUES(1,0,1786813872000,260102258,1,'backyard');
INSERT INTO "changes" VALUES(2,3,0,0,0,'backyard');
INSERT INTO "changes" VALUES(3,0,1786813873000,339144570,1,'backyard');
INSERT INTO "changes" VALUES(4,1,1786813872000,260102258,1,'backyard');
INSERT INTO "changes" VALUES(5,1,1786813873000,339144570,1,'backyard');
INSERT INTO "changes" VALUES(6,0,1796016114524,797164388,1,'gate');
INSERT INTO "changes" VALUES(7,3,0,0,0,'gate');
INSERT INTO "changes" VALUES(8,3,0,0,0,'gate');
INSERT INTO "changes" VALUES(9,0,1786896611000,511206717,1,'gate');
INSERT INTO "changes" VALUES(10,1,1796016114524,797164388,1,'gate');
INSERT INTO "changes" VALUES(11,0,1786813870000,5264590,0,'backyard');
INSERT INTO "changes" VALUES(12,1,1786813870000,5264590,0,'backyard');
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
INSERT INTO "events" VALUES(1,1786813872000,260102258,1,'backyard','patrolcams/backyard/2026-08-15/Hour-10/snap/MDAlarm_20260815-101112.jpg','2026-08-15',242,-25200,'name',NULL,1796016114410,1796016114424,'04d596d571ca9631821acceb38c2bc0fe4606e5d869b9d4619a5a36b5fc2f8ef','04d596d571ca9631821acceb38c2bc0fe4606e5d869b9d4619a5a36b5fc2f8ef',242,'snap/MDAlarm_20260815-101112.jpg',1,'image/jpeg',NULL,64,48,NULL,1,0,0,NULL);
INSERT INTO "events" VALUES(2,1786813873000,339144570,1,'backyard','patrolcams/backyard/2026-08-15/Hour-10/snap/MDAlarm_20260815-101113.jpg','2026-08-15',241,-25200,'name',NULL,1796016114453,1796016114497,'6fcbf7605502e648df06ebf9f2ea3273f4ac8057929e28b4a8cd3af57aab0818','6fcbf7605502e648df06ebf9f2ea3273f4ac8057929e28b4a8cd3af57aab0818',241,'snap/MDAlarm_20260815-101113.jpg',1,'image/jpeg',NULL,64,48,NULL,1,0,0,NULL);
INSERT INTO "events" VALUES(3,1796016114524,797164388,1,'gate','patrolcams/gate/2026-11-29/Hour-21/snap/ü & 50%+1.jpg','2026-11-29',242,-28800,'arrival',NULL,1796016114524,1796016114531,'963f861502dc608641102ca39275752aa57c51ed61351178828390c2ee0d9a4c','963f861502dc608641102ca39275752aa57c51ed61351178828390c2ee0d9a4c',242,'ü & 50%+1.jpg',1,'image/jpeg',NULL,64,48,NULL,1,0,0,NULL);
INSERT INTO "events" VALUES(4,1786896611000,511206717,1,'gate','patrolcams/gate/2026-08-16/Hour-9/snap/cut_20260816-091011.jpg','2026-08-16',202,-25200,'name',NULL,1796016114535,1796016114542,'4cfdd10581599bb32e83ef1b08339f1bf01f864b7c093b3133bfdf0e08d5e067','4cfdd10581599bb32e83ef1b08339f1bf01f864b7c093b3133bfdf0e08d5e067',202,'snap/cut_20260816-091011.jpg',0,'image/jpeg',NULL,64,48,NULL,0,0,0,NULL);
INSERT INTO "events" VALUES(5,1786813870000,5264590,0,'backyard','patrolcams/backyard/2026-08-15/Hour-10/record/MDalarm_20260815_101110.mp4','2026-08-15',3399,-25200,'name',NULL,1796016114500,1796016115611,'2276bb9eb6f6fcb8a250e27d31131733d936ac8e267b34fce35c573611896b01','2276bb9eb6f6fcb8a250e27d31131733d936ac8e267b34fce35c573611896b01',3399,'record/MDalarm_20260815_101110.mp4',1,'video/mp4',2000,64,48,'h264',1,0,0,NULL);
CREATE TABLE ftp_accounts (
  user           TEXT PRIMARY KEY,
  password_hash  TEXT NOT NULL,
  camera         TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "ftp_accounts" VALUES('gate','$argon2id$v=19$m=19456,t=2,p=1$qr+rP5w6lmu1i0LRIJasCQ$9OXk6xVk2LMkhIi0cYQRAKJsKts11/jeKr897Yp9dcc','gate');
CREATE TABLE secrets (
  name   TEXT PRIMARY KEY,
  value  BLOB NOT NULL
) WITHOUT ROWID;
INSERT INTO "secrets" VALUES('links',X'4921578FAB8400AA0296A433BAA8BF405129AC1BD8D494974616C7853E9240AC');
CREATE TABLE sessions (
  token_sha256  BLOB PRIMARY KEY,
  user          TEXT    NOT NULL REFERENCES users (name),
  created_at    INTEGER NOT NULL,
  expires_at    INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "sessions" VALUES(X'5B55B71A669C981DB66426D36F14FC77E8BE9CC9D0338FE69EB802692BB8A0C2','admin',1796016111944,1798608111944);
CREATE TABLE users (
  name           TEXT PRIMARY KEY,
  password_hash  TEXT    NOT NULL,
  role           TEXT    NOT NULL,
  disabled       INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO "users" VALUES('admin','$argon2id$v=19$m=19456,t=2,p=1$V8exblXDKJ0ueDg8KcjwNg$x63ClwxSiYOyXc61P9H2pDXcU99U9IKm4ITc4yBezBY','admin',0);
INSERT INTO "users" VALUES('anna','$argon2id$v=19$m=19456,t=2,p=1$jByq4cxRv3Q+Ke3mx5pLlQ$p0Pu/92q9fcLkl4DG2fRecx9XXIsrn7TOu/ZNWEbjV0','viewer',0);
CREATE UNIQUE INDEX events_by_time ON events (kind, event_ts, fraction, camera, capture_date);
CREATE INDEX events_by_camera ON events (camera, kind, event_ts, fraction, capture_date);
CREATE INDEX sessions_by_user ON sessions (user);
CREATE INDEX sessions_by_end ON sessions (expires_at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('changes',12);
COMMIT;
PRAGMA user_version = 1;
