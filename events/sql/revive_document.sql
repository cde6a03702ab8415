-- Let a document that failed because this dead letter was given up wait again.
-- $1 uuid document, $2 bigint dead letter, $3 text state it waits in (queued or embedding)
-- columns: id uuid, one row when it had failed that way
UPDATE documents
SET state = $3, problem = NULL, updated_at = now()
WHERE id = $1 AND state = 'failed' AND (problem ->> 'dead_letter')::bigint = $2
RETURNING id
