-- $1 interval age, $2 integer batch
DELETE FROM usage_windows WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM usage_windows WHERE window_started_at < now() - $1::interval LIMIT $2));
