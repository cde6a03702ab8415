-- $1 interval age, $2 integer batch
DELETE FROM processed_events WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM processed_events WHERE processed_at < now() - $1::interval LIMIT $2));
