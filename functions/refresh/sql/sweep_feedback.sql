-- $1 interval age, $2 integer batch
DELETE FROM feedback WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM feedback WHERE created_at < now() - $1::interval LIMIT $2));
