-- Move a document on from queued or extracting.
-- $1 uuid document id, $2 text state, $3 jsonb problem or NULL
UPDATE documents SET state = $2, problem = $3, updated_at = now()
 WHERE id = $1 AND state IN ('queued', 'extracting');
