-- What people have seen. One row an event of which somebody said something by itself.
CREATE TABLE viewed (
  user      TEXT    NOT NULL,
  event_id  TEXT    NOT NULL,
  viewed    INTEGER NOT NULL,
  at        INTEGER NOT NULL,
  PRIMARY KEY (user, event_id)
) WITHOUT ROWID;
-- Goes with its event.
CREATE INDEX viewed_by_event ON viewed (event_id);
CREATE INDEX viewed_by_time ON viewed (user, at, event_id) WHERE viewed;
-- "All up to here": a bounded number of steps a person, as one text.
CREATE TABLE viewed_up_to (
  user   TEXT PRIMARY KEY,
  steps  TEXT NOT NULL
) WITHOUT ROWID;
-- Groups of cameras: all of them as one text, replaced as a whole.
CREATE TABLE camera_groups (
  one   INTEGER PRIMARY KEY CHECK (one = 1),
  text  TEXT NOT NULL
);
