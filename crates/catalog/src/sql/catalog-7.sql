-- Which cameras a person may see: names, one a line; null: all.
ALTER TABLE users ADD COLUMN cameras TEXT;
-- Public links to one event. id is half of the token's digest; the token itself is kept nowhere.
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
-- People's tokens for programs. scopes: words.
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
-- Who did what: added, never changed, and forgotten after its time.
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
