-- What retention goes by: the oldest first, protected ones not at all.
CREATE INDEX events_by_stored ON events (stored_at, row_id, size) WHERE protected = 0;
