PRAGMA foreign_keys = OFF;
BEGIN TRANSACTION;
CREATE TABLE shipments (
  object_key       TEXT    NOT NULL,
  camera           TEXT    NOT NULL,
  original_name    TEXT    NOT NULL,
  original_sha256  TEXT    NOT NULL,
  original_size    INTEGER NOT NULL,
  complete         INTEGER NOT NULL,
  shipped_at       INTEGER NOT NULL,
  -- digests of the first 4 kiB, 8 kiB, 16 kiB, …
  ladder           TEXT    NOT NULL, confirmed INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (object_key, original_sha256)
) WITHOUT ROWID;
INSERT INTO "shipments" VALUES('patrolcams/backyard/2026-08-15/Hour-10/record/MDalarm_20260815_101110.mp4','backyard','record/MDalarm_20260815_101110.mp4','2276bb9eb6f6fcb8a250e27d31131733d936ac8e267b34fce35c573611896b01',3399,1,1796016124632,'',1);
INSERT INTO "shipments" VALUES('patrolcams/backyard/2026-08-15/Hour-10/snap/MDAlarm_20260815-101112.jpg','backyard','snap/MDAlarm_20260815-101112.jpg','04d596d571ca9631821acceb38c2bc0fe4606e5d869b9d4619a5a36b5fc2f8ef',242,1,1796016123893,'',1);
INSERT INTO "shipments" VALUES('patrolcams/backyard/2026-08-15/Hour-10/snap/MDAlarm_20260815-101113.jpg','backyard','snap/MDAlarm_20260815-101113.jpg','6fcbf7605502e648df06ebf9f2ea3273f4ac8057929e28b4a8cd3af57aab0818',241,1,1796016123906,'',1);
INSERT INTO "shipments" VALUES('patrolcams/backyard/2026-08-17/Hour-12/snap/MDAlarm_20260817-120000.jpg','backyard','snap/MDAlarm_20260817-120000.jpg','39252e00d899ddddc1aafd799afd05efabad2d3a26e7b9167dd54e5d037c0e47',238,1,1796016127697,'',0);
INSERT INTO "shipments" VALUES('patrolcams/gate/2026-08-16/Hour-9/snap/cut_20260816-091011.jpg','gate','snap/cut_20260816-091011.jpg','4cfdd10581599bb32e83ef1b08339f1bf01f864b7c093b3133bfdf0e08d5e067',202,0,1796016123978,'',1);
INSERT INTO "shipments" VALUES('patrolcams/gate/2026-08-17/Hour-12/snap/MDAlarm_20260817-120001.jpg','gate','snap/MDAlarm_20260817-120001.jpg','c2d3e55b5ed73309ea0189848c7de8a13b517efd5dd72a53b2bb0b8684df9cef',239,1,1796016127706,'',0);
INSERT INTO "shipments" VALUES('patrolcams/gate/2026-11-29/Hour-21/snap/ü & 50%+1.jpg','gate','ü & 50%+1.jpg','963f861502dc608641102ca39275752aa57c51ed61351178828390c2ee0d9a4c',242,1,1796016123935,'',1);
CREATE INDEX shipments_by_name ON shipments (camera, original_name, shipped_at);
CREATE INDEX shipments_by_time ON shipments (shipped_at);
COMMIT;
PRAGMA user_version = 2;
