-- Say in the document's own state that the delivery of one of its events was given up.
-- $1 uuid document, $2 text problem (RFC 9457 document in JSON), $3 text[] states in which it waits for that event
-- columns: id uuid, one row when the document was waiting for it
UPDATE documents
SET state = 'failed', problem = $2::text::jsonb, updated_at = now()
WHERE id = $1 AND state = ANY ($3)
RETURNING id
