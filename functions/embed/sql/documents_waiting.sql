-- Documents of passages that are not indexed yet.
-- $1 bigint[] passages
-- columns: id uuid
SELECT id FROM documents
 WHERE state IN ('embedding', 'failed') AND id IN (SELECT document_id FROM passages WHERE id = ANY ($1::bigint[]))
 ORDER BY id;
