-- Whether the store said that it has the object: what a gateway goes by that may not look into its bucket.
ALTER TABLE shipments ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0;
