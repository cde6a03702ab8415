-- Delete a source with its documents, its events that wait or were sent, and its dead letters. Its passages went before.
-- $1 uuid source, $2 text the same as text
-- Columns: deleted bigint
WITH events AS (
    DELETE FROM outbox WHERE partition_key = $2
), letters AS (
    DELETE FROM dead_letters WHERE partition_key = $2
), gone AS (
    DELETE FROM sources WHERE id = $1 RETURNING id
)
SELECT count(*) AS deleted FROM gone
