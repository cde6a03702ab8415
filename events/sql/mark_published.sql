-- Note that Kafka has these events.
-- $1 bigint[] outbox ids
-- columns: none
UPDATE outbox
SET published_at = now()
WHERE id = ANY ($1)
