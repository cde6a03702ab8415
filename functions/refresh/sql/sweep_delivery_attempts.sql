-- $1 interval age, $2 integer batch
DELETE FROM delivery_attempts WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM delivery_attempts WHERE first_at < now() - $1::interval LIMIT $2));
