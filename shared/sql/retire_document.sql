-- Remove a replaced version's passages (postings and embeddings go with them) and mark it.
-- $1 uuid document
-- columns: object_key text
WITH gone AS (
    DELETE FROM passages WHERE document_id = $1
)
UPDATE documents SET state = 'superseded', updated_at = now() WHERE id = $1 RETURNING object_key;
