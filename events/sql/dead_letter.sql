-- One dead letter.
-- $1 bigint id
-- columns: id, topic, partition_key, event text, reason, attempts, created_at, replayed_at
SELECT id, topic, partition_key, event::text AS event, reason, attempts, created_at, replayed_at
FROM dead_letters
WHERE id = $1
