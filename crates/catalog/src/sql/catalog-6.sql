-- Probed: pictures a second in thousandths, and how many of them a player can start at.
ALTER TABLE events ADD COLUMN frame_rate_milli INTEGER;
ALTER TABLE events ADD COLUMN key_frames INTEGER;
-- What else may stand under derived/: an H.264 copy, a preview and how many pictures it shows. And a ThumbHash.
ALTER TABLE events ADD COLUMN h264_copy INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN preview_frames INTEGER;
ALTER TABLE events ADD COLUMN blur TEXT;
