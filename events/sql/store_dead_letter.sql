-- Keep an event that could not be delivered, unless the same one lies here already and waits to be replayed.
-- $1 text topic, $2 text partition key, $3 text CloudEvent in JSON, $4 text reason, $5 integer attempts
-- columns: id bigint, one row when it was stored
INSERT INTO dead_letters (topic, partition_key, event, reason, attempts)
SELECT $1, $2, $3::text::jsonb, $4, $5
WHERE NOT EXISTS (
    SELECT known.id
    FROM dead_letters AS known
    WHERE known.partition_key = $2
        AND known.topic = $1
        AND known.replayed_at IS NULL
        AND known.event ->> 'id' = $3::text::jsonb ->> 'id'
        AND known.event ->> 'source' = $3::text::jsonb ->> 'source'
)
RETURNING id
