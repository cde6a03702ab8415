-- The versions of a source.
-- $1 uuid source
-- Columns: id uuid, object_key text
SELECT id, object_key FROM documents WHERE source_id = $1 ORDER BY version
