-- Files of watched folders that were taken and left where they are. Times: modified_ns in nanoseconds, noted_at in
-- milliseconds since 1970.
CREATE TABLE taken (
  path         BLOB PRIMARY KEY,
  size         INTEGER NOT NULL,
  modified_ns  INTEGER NOT NULL,
  noted_at     INTEGER NOT NULL
) WITHOUT ROWID;
