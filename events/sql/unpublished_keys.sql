-- The keys of the oldest events that no topic has yet, without those that were tried in vain.
-- $1 text[] partition keys to leave out, $2 integer events looked at
-- columns: partition_key text
SELECT DISTINCT partition_key
FROM (
    SELECT partition_key
    FROM outbox
    WHERE published_at IS NULL AND partition_key <> ALL ($1)
    ORDER BY id
    LIMIT $2
) AS oldest
