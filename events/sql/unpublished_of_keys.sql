-- The oldest events of these keys that no topic has yet.
-- $1 text[] partition keys, $2 integer limit
-- columns: id bigint, topic, partition_key, event text (a CloudEvent in JSON)
SELECT id, topic, partition_key, event::text AS event
FROM outbox
WHERE published_at IS NULL AND partition_key = ANY ($1)
ORDER BY id
LIMIT $2
