PRAGMA foreign_keys = OFF;
BEGIN TRANSACTION;
CREATE TABLE api_tokens (
  id            TEXT PRIMARY KEY,
  token_sha256  BLOB    NOT NULL,
  user          TEXT    NOT NULL,
  name          TEXT    NOT NULL,
  scopes        TEXT    NOT NULL,
  created_at    INTEGER NOT NULL,
  expires_at    INTEGER,
  last_used_at  INTEGER
) WITHOUT ROWID;
INSERT INTO "api_tokens" VALUES('bcd5fb16aefa66a167df81661c4dbfad',X'BCD5FB16AEFA66A167DF81661C4DBFAD0693A040E7A975B6402DAB92CE82D0DF','admin','kept','read',1796016126522,NULL,NULL);
CREATE TABLE audit (
  at       INTEGER NOT NULL,
  tie      INTEGER NOT NULL,
  who      TEXT,
  action   TEXT    NOT NULL,
  subject  TEXT    NOT NULL,
  place    TEXT,
  detail   TEXT    NOT NULL,
  PRIMARY KEY (at, tie)
) WITHOUT ROWID;
INSERT INTO "audit" VALUES(1796016120980,5022808225989620387,'admin','signed_in','admin','127.0.0.1','');
INSERT INTO "audit" VALUES(1796016125963,3036231865082315104,NULL,'user_added','anna',NULL,'viewer: all cameras');
INSERT INTO "audit" VALUES(1796016126296,4396754539372563155,NULL,'camera_added','gate',NULL,'');
INSERT INTO "audit" VALUES(1796016126446,1491434429291593313,'admin','event_protected','060000d25bjj02hfgf1m80b7c5q6a','127.0.0.1','');
INSERT INTO "audit" VALUES(1796016126456,1892803688626086198,'admin','event_noted','060000d25bjj02hfgf1m80b7c5q6a','127.0.0.1','');
INSERT INTO "audit" VALUES(1796016126503,6615513245398903398,'admin','groups_replaced','','127.0.0.1','1 groups');
INSERT INTO "audit" VALUES(1796016126529,5692276927943666672,'admin','token_created','bcd5fb16aefa66a167df81661c4dbfad','127.0.0.1','kept: read');
INSERT INTO "audit" VALUES(1796016126789,4350218178510199907,NULL,'user_added','bert',NULL,'viewer: gate');
CREATE TABLE camera_groups (
  one   INTEGER PRIMARY KEY CHECK (one = 1),
  text  TEXT NOT NULL
);
INSERT INTO "camera_groups" VALUES(1,'gFront
cgate
');
CREATE TABLE camera_tokens (
  token_sha256  BLOB PRIMARY KEY,
  camera        TEXT    NOT NULL,
  created_at    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE cameras (
  name            TEXT PRIMARY KEY,
  events          INTEGER NOT NULL DEFAULT 0,
  last_seen_at    INTEGER,
  clock_error_ms  INTEGER,
  test_name       TEXT,
  test_size       INTEGER,
  test_at         INTEGER
) WITHOUT ROWID;
INSERT INTO "cameras" VALUES('backyard',3,1796016123909,NULL,NULL,NULL,NULL);
INSERT INTO "cameras" VALUES('gate',2,1796016123974,NULL,'test.txt',12,1796016123974);
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
INSERT INTO "changes" VALUES(4,3,0,0,0,'gate');
INSERT INTO "changes" VALUES(5,1,1786813873000,339144570,1,'backyard');
INSERT INTO "changes" VALUES(6,0,1796016123914,797164388,1,'gate');
INSERT INTO "changes" VALUES(7,1,1786813872000,260102258,1,'backyard');
INSERT INTO "changes" VALUES(8,0,1786896611000,511206717,1,'gate');
INSERT INTO "changes" VALUES(9,1,1796016123914,797164388,1,'gate');
INSERT INTO "changes" VALUES(10,0,1786813870000,5264590,0,'backyard');
INSERT INTO "changes" VALUES(11,1,1786813870000,5264590,0,'backyard');
INSERT INTO "changes" VALUES(12,1,1796016123914,797164388,1,'gate');
CREATE TABLE counts (
  camera  TEXT    NOT NULL,
  grain   INTEGER NOT NULL,
  slot    INTEGER NOT NULL,
  kind    INTEGER NOT NULL,
  events  INTEGER NOT NULL,
  bytes   INTEGER NOT NULL,
  PRIMARY KEY (camera, grain, slot, kind)
) WITHOUT ROWID;
INSERT INTO "counts" VALUES('',0,496330,0,1,3399);
INSERT INTO "counts" VALUES('',0,496330,1,2,483);
INSERT INTO "counts" VALUES('',0,496353,1,1,202);
INSERT INTO "counts" VALUES('',0,498885,1,1,242);
INSERT INTO "counts" VALUES('',1,20680,0,1,3399);
INSERT INTO "counts" VALUES('',1,20680,1,2,483);
INSERT INTO "counts" VALUES('',1,20681,1,1,202);
INSERT INTO "counts" VALUES('',1,20786,1,1,242);
INSERT INTO "counts" VALUES('backyard',0,496330,0,1,3399);
INSERT INTO "counts" VALUES('backyard',0,496330,1,2,483);
INSERT INTO "counts" VALUES('backyard',1,20680,0,1,3399);
INSERT INTO "counts" VALUES('backyard',1,20680,1,2,483);
INSERT INTO "counts" VALUES('gate',0,496353,1,1,202);
INSERT INTO "counts" VALUES('gate',0,498885,1,1,242);
INSERT INTO "counts" VALUES('gate',1,20681,1,1,202);
INSERT INTO "counts" VALUES('gate',1,20786,1,1,242);
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
, small_copy INTEGER NOT NULL DEFAULT 0, original_copy INTEGER NOT NULL DEFAULT 0, frame_rate_milli INTEGER, key_frames INTEGER, h264_copy INTEGER NOT NULL DEFAULT 0, preview_frames INTEGER, blur TEXT);
INSERT INTO "events" VALUES(1,1786813872000,260102258,1,'backyard','patrolcams/backyard/2026-08-15/Hour-10/snap/MDAlarm_20260815-101112.jpg','2026-08-15',242,-25200,'name',NULL,1796016123774,1796016123893,'04d596d571ca9631821acceb38c2bc0fe4606e5d869b9d4619a5a36b5fc2f8ef','04d596d571ca9631821acceb38c2bc0fe4606e5d869b9d4619a5a36b5fc2f8ef',242,'snap/MDAlarm_20260815-101112.jpg',1,'image/jpeg',NULL,64,48,NULL,1,0,0,NULL,0,0,NULL,NULL,0,NULL,'1fsDBYCwuYR5eHd3h3eHiPeGdm9o');
INSERT INTO "events" VALUES(2,1786813873000,339144570,1,'backyard','patrolcams/backyard/2026-08-15/Hour-10/snap/MDAlarm_20260815-101113.jpg','2026-08-15',241,-25200,'name',NULL,1796016123902,1796016123906,'6fcbf7605502e648df06ebf9f2ea3273f4ac8057929e28b4a8cd3af57aab0818','6fcbf7605502e648df06ebf9f2ea3273f4ac8057929e28b4a8cd3af57aab0818',241,'snap/MDAlarm_20260815-101113.jpg',1,'image/jpeg',NULL,64,48,NULL,1,0,0,NULL,0,0,NULL,NULL,0,NULL,'ywkBBYDi2HCFiHd4h4eHeLCI94V4');
INSERT INTO "events" VALUES(3,1796016123914,797164388,1,'gate','patrolcams/gate/2026-11-29/Hour-21/snap/ü & 50%+1.jpg','2026-11-29',242,-28800,'arrival',NULL,1796016123914,1796016123935,'963f861502dc608641102ca39275752aa57c51ed61351178828390c2ee0d9a4c','963f861502dc608641102ca39275752aa57c51ed61351178828390c2ee0d9a4c',242,'ü & 50%+1.jpg',1,'image/jpeg',NULL,64,48,NULL,1,0,1,'the fox',0,0,NULL,NULL,0,NULL,'FQACBYCy9rB2eHiMeIh3iE95B3t4');
INSERT INTO "events" VALUES(4,1786896611000,511206717,1,'gate','patrolcams/gate/2026-08-16/Hour-9/snap/cut_20260816-091011.jpg','2026-08-16',202,-25200,'name',NULL,1796016123939,1796016123978,'4cfdd10581599bb32e83ef1b08339f1bf01f864b7c093b3133bfdf0e08d5e067','4cfdd10581599bb32e83ef1b08339f1bf01f864b7c093b3133bfdf0e08d5e067',202,'snap/cut_20260816-091011.jpg',0,'image/jpeg',NULL,64,48,NULL,0,0,0,NULL,0,0,NULL,NULL,0,NULL,NULL);
INSERT INTO "events" VALUES(5,1786813870000,5264590,0,'backyard','patrolcams/backyard/2026-08-15/Hour-10/record/MDalarm_20260815_101110.mp4','2026-08-15',3399,-25200,'name',NULL,1796016123909,1796016124632,'2276bb9eb6f6fcb8a250e27d31131733d936ac8e267b34fce35c573611896b01','2276bb9eb6f6fcb8a250e27d31131733d936ac8e267b34fce35c573611896b01',3399,'record/MDalarm_20260815_101110.mp4',1,'video/mp4',2000,64,48,'h264',1,0,0,NULL,0,0,5000,1,0,NULL,'1fsDBYCwuYR5eHd3h3eHiPeGdm9o');
CREATE TABLE ftp_accounts (
  user           TEXT PRIMARY KEY,
  password_hash  TEXT NOT NULL,
  camera         TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "ftp_accounts" VALUES('gate','$argon2id$v=19$m=19456,t=2,p=1$9Y/YZv0k1iL7TBZmsY6xOg$qQwOfx1mFxQVHrtamW91r/3Mbuby8H3NnBozjfeqMjc','gate');
CREATE TABLE push_subscriptions (
  id          TEXT PRIMARY KEY,
  user        TEXT NOT NULL,
  endpoint    TEXT NOT NULL,
  p256dh      BLOB NOT NULL,
  auth        BLOB NOT NULL,
  created_at  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE secrets (
  name   TEXT PRIMARY KEY,
  value  BLOB NOT NULL
) WITHOUT ROWID;
INSERT INTO "secrets" VALUES('links',X'BE1149A57537EE8041E018B69AE5E5B86497A97F0D7EC12C0BFA2D5A35D27F30');
CREATE TABLE sessions (
  token_sha256  BLOB PRIMARY KEY,
  user          TEXT    NOT NULL REFERENCES users (name),
  created_at    INTEGER NOT NULL,
  expires_at    INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "sessions" VALUES(X'7102FADC20AC43BC54E287758788FAC90834728190D27BE5E45E8AE17622BDF2','admin',1796016120976,1798608120976);
CREATE TABLE shares (
  id            TEXT PRIMARY KEY,
  token_sha256  BLOB    NOT NULL,
  event_id      TEXT    NOT NULL,
  made_by       TEXT    NOT NULL,
  created_at    INTEGER NOT NULL,
  expires_at    INTEGER NOT NULL,
  revoked_at    INTEGER,
  note          TEXT,
  opened        INTEGER NOT NULL DEFAULT 0,
  refused       INTEGER NOT NULL DEFAULT 0,
  last_opened   INTEGER
) WITHOUT ROWID;
CREATE TABLE users (
  name           TEXT PRIMARY KEY,
  password_hash  TEXT    NOT NULL,
  role           TEXT    NOT NULL,
  disabled       INTEGER NOT NULL DEFAULT 0
, cameras TEXT) WITHOUT ROWID;
INSERT INTO "users" VALUES('admin','$argon2id$v=19$m=19456,t=2,p=1$Sg9i0IeDhT/LWnSvUhgcJg$7phtaoW0YaS0PcIKHNp+STpdjiG9bJ0i/ITmbgC6iW8','admin',0,NULL);
INSERT INTO "users" VALUES('anna','$argon2id$v=19$m=19456,t=2,p=1$FO1I0cGpb+MIQYVMMp/aVw$a4UvoGBN9y8nDMV+uOJJ9WFiBhBz/AF8ycsES0GJvEc','viewer',0,NULL);
INSERT INTO "users" VALUES('bert','$argon2id$v=19$m=19456,t=2,p=1$5aPTXwF1Xa+7V0juMGtCIw$qxnl7U+iqTip69CwdPgM7DCA5/VuUlGUwe/KmS8DJWs','viewer',0,'gate');
CREATE TABLE viewed (
  user      TEXT    NOT NULL,
  event_id  TEXT    NOT NULL,
  viewed    INTEGER NOT NULL,
  at        INTEGER NOT NULL,
  PRIMARY KEY (user, event_id)
) WITHOUT ROWID;
INSERT INTO "viewed" VALUES('admin','060000d01db7de0uf1ijq0b7c5q6a',1,1796016126476);
CREATE TABLE viewed_up_to (
  user   TEXT PRIMARY KEY,
  steps  TEXT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX events_by_time ON events (kind, event_ts, fraction, camera, capture_date);
CREATE INDEX events_by_camera ON events (camera, kind, event_ts, fraction, capture_date);
CREATE INDEX sessions_by_user ON sessions (user);
CREATE INDEX sessions_by_end ON sessions (expires_at);
CREATE INDEX camera_tokens_by_camera ON camera_tokens (camera, created_at);
CREATE INDEX events_by_stored ON events (stored_at, row_id, size) WHERE protected = 0;
CREATE INDEX viewed_by_event ON viewed (event_id);
CREATE INDEX viewed_by_time ON viewed (user, at, event_id) WHERE viewed;
CREATE INDEX push_by_user ON push_subscriptions (user, created_at);
CREATE INDEX events_by_arrival ON events (stored_at, event_ts);
CREATE INDEX viewed_again ON viewed (user, event_id) WHERE NOT viewed;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('changes',12);
COMMIT;
PRAGMA user_version = 10;
