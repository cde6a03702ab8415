-- Put events into the outbox in their order and wake the relay when the transaction commits; one statement for many.
-- $1 text[] topics, $2 text[] partition keys, $3 text[] CloudEvents in JSON: one entry each per event
-- columns: none that matter
WITH added AS (
    INSERT INTO outbox (topic, partition_key, event)
    SELECT given.topic, given.partition_key, given.event::jsonb
    FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS given (topic, partition_key, event, position)
    ORDER BY given.position
    RETURNING id
)
SELECT pg_notify('outbox', '')
WHERE EXISTS (SELECT id FROM added)
