-- $1 interval age, $2 integer batch
DELETE FROM outbox WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM outbox WHERE published_at < now() - $1::interval LIMIT $2));
