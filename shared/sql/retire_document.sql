-- Mark a version whose passages are gone.
-- $1 uuid document
-- columns: object_key text
UPDATE documents SET state = 'superseded', updated_at = now() WHERE id = $1 RETURNING object_key;
