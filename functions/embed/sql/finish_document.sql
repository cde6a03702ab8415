-- Every vector is in: the document is searchable by words and by meaning, which is a change that searches see.
-- $1 uuid document, $2 integer collection
WITH seen AS (
    UPDATE collections SET version = version + 1 WHERE id = $2
)
UPDATE documents SET state = 'indexed', problem = NULL, indexed_at = now(), updated_at = now() WHERE id = $1;
