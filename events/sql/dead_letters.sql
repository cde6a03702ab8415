-- Dead letters, newest first.
-- $1 bigint only ids below (NULL: from the newest), $2 boolean replayed ones too, $3 integer limit
-- columns: id, topic, partition_key, event text, reason, attempts, created_at, replayed_at
SELECT id, topic, partition_key, event::text AS event, reason, attempts, created_at, replayed_at
FROM dead_letters
WHERE ($1::bigint IS NULL OR id < $1) AND ($2::boolean OR replayed_at IS NULL)
ORDER BY id DESC
LIMIT $3
