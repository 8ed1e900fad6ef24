-- What the gateway shipped, or was about to when it stopped.
CREATE TABLE shipments (
  object_key       TEXT    NOT NULL,
  camera           TEXT    NOT NULL,
  original_name    TEXT    NOT NULL,
  original_sha256  TEXT    NOT NULL,
  original_size    INTEGER NOT NULL,
  complete         INTEGER NOT NULL,
  shipped_at       INTEGER NOT NULL,
  -- digests of the first 4 kiB, 8 kiB, 16 kiB, …
  ladder           TEXT    NOT NULL,
  PRIMARY KEY (object_key, original_sha256)
) WITHOUT ROWID;
CREATE INDEX shipments_by_name ON shipments (camera, original_name, shipped_at);
CREATE INDEX shipments_by_time ON shipments (shipped_at);
