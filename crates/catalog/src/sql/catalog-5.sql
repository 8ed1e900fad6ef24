-- What else may stand under derived/: a small rendition, and the bytes as received.
ALTER TABLE events ADD COLUMN small_copy INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN original_copy INTEGER NOT NULL DEFAULT 0;
