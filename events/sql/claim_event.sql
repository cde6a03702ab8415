-- Note that this handler has done this event; nothing when it had before.
-- $1 text handler, $2 text event source, $3 text event id
-- columns: event_id, one row when the event is new to the handler
INSERT INTO processed_events (handler, event_source, event_id)
VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING
RETURNING event_id
