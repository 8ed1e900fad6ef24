-- What pages of unviewed events pass over: what arrived since all was marked as viewed, and what was marked as unviewed.
CREATE INDEX events_by_arrival ON events (stored_at, event_ts);
CREATE INDEX viewed_again ON viewed (user, event_id) WHERE NOT viewed;
