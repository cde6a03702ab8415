-- $1 interval age, $2 integer batch
DELETE FROM dead_letters WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM dead_letters WHERE replayed_at < now() - $1::interval LIMIT $2));
