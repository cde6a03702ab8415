-- Accepted documents that are neither indexed nor failed, in the order of their submission.
-- Columns: id uuid, source_id uuid, state text, passages_total integer
SELECT id, source_id, state, passages_total
FROM documents
WHERE state IN ('queued', 'extracting', 'embedding')
ORDER BY version
