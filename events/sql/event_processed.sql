-- Tell whether this handler has done this event, without claiming it.
-- $1 text handler, $2 text event source, $3 text event id
-- columns: processed boolean
SELECT EXISTS (
    SELECT event_id FROM processed_events WHERE handler = $1 AND event_source = $2 AND event_id = $3
) AS processed
