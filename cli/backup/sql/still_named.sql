-- Those of the objects that rows name now.
-- $1 text[] object keys
-- Columns: object_key text
SELECT object_key FROM documents WHERE object_key = ANY ($1)
