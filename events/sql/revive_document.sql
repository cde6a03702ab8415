-- Let a document that failed because its events were given up wait again, once none of them is left to be replayed.
-- $1 uuid document, $2 bigint dead letter
-- columns: id uuid, one row when it had failed that way
UPDATE documents
SET state = CASE WHEN passages_total > 0 THEN 'embedding' ELSE 'queued' END, problem = NULL, updated_at = now()
WHERE id = $1 AND state = 'failed' AND problem ? 'dead_letter'
    AND NOT EXISTS (
        SELECT other.id
        FROM dead_letters AS other
        WHERE other.partition_key = (SELECT replayed.partition_key FROM dead_letters AS replayed WHERE replayed.id = $2)
            AND other.replayed_at IS NULL
            AND other.event -> 'data' ->> 'document_id' = $1::text
    )
RETURNING id
