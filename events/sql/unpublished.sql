-- The oldest events that Kafka does not have yet.
-- $1 integer limit
-- columns: id bigint, topic, partition_key, event text (a CloudEvent in JSON)
SELECT id, topic, partition_key, event::text AS event
FROM outbox
WHERE published_at IS NULL
ORDER BY id
LIMIT $1
