-- What is to be told to others. Times in milliseconds since 1970.
CREATE TABLE deliveries (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  message_id  TEXT NOT NULL,
  channel     TEXT NOT NULL,
  target      TEXT NOT NULL,
  kind        TEXT NOT NULL,
  title       TEXT NOT NULL,
  payload     TEXT NOT NULL,
  outcome     TEXT NOT NULL,
  attempts    INTEGER NOT NULL DEFAULT 0,
  problem     TEXT,
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  -- NULL: decided.
  next_at     INTEGER
);
CREATE INDEX deliveries_due ON deliveries (channel, next_at, id) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_by_age ON deliveries (created_at);
-- How far the notifier came: one row.
CREATE TABLE notes (
  one   INTEGER PRIMARY KEY CHECK (one = 1),
  text  TEXT NOT NULL
);
