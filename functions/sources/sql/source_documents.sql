-- The versions of a source.
-- $1 uuid source
-- Columns: id uuid
SELECT id FROM documents WHERE source_id = $1 ORDER BY version
