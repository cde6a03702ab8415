-- The objects that rows name.
-- Columns: object_key text
SELECT object_key FROM documents ORDER BY object_key
