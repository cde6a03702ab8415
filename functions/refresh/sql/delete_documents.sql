-- Delete versions, with passages that never became searchable. One that a replay has revived meanwhile stays.
-- $1 uuid[] documents
DELETE FROM documents WHERE id = ANY ($1::uuid[]) AND state IN ('superseded', 'failed');
