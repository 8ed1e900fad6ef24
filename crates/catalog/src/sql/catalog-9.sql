-- How many events, and their bytes: kept in each event's own transaction (docs/design/counts.md). camera: its name, or
-- empty for all cameras together. grain: 0 hours, 1 days. slot: hours or days since 1970-01-01 by the camera's own
-- calendar, as the object key says them. kind: as in events. Rows without events are removed.
CREATE TABLE counts (
  camera  TEXT    NOT NULL,
  grain   INTEGER NOT NULL,
  slot    INTEGER NOT NULL,
  kind    INTEGER NOT NULL,
  events  INTEGER NOT NULL,
  bytes   INTEGER NOT NULL,
  PRIMARY KEY (camera, grain, slot, kind)
) WITHOUT ROWID;
-- What there is already. The hour stands behind the date in the key, one digit or two.
INSERT INTO counts (camera, grain, slot, kind, events, bytes)
  SELECT camera, 0,
    coalesce(CAST(strftime('%s', capture_date) AS INTEGER) / 86400, event_ts / 86400000) * 24
      + CAST(substr(object_key, instr(object_key, '/' || camera || '/' || capture_date || '/Hour-')
        + length(camera) + length(capture_date) + 8, 2) AS INTEGER) AS hour,
    kind, count(*), sum(size)
  FROM events GROUP BY camera, hour, kind;
INSERT INTO counts (camera, grain, slot, kind, events, bytes)
  SELECT '', 0, slot, kind, sum(events), sum(bytes) FROM counts WHERE grain = 0 GROUP BY slot, kind;
-- Days before 1970 round down, too.
INSERT INTO counts (camera, grain, slot, kind, events, bytes)
  SELECT camera, 1, (slot - ((slot % 24) + 24) % 24) / 24 AS day, kind, sum(events), sum(bytes)
  FROM counts WHERE grain = 0 GROUP BY camera, day, kind;
