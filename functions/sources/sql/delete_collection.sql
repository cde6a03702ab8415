-- Delete a collection without sources.
-- $1 integer collection
-- Columns: deleted bigint, 0 where a source has come meanwhile
WITH gone AS (
    DELETE FROM collections AS c
    WHERE c.id = $1 AND NOT EXISTS (SELECT FROM sources AS s WHERE s.collection_id = c.id)
    RETURNING c.id
)
SELECT count(*) AS deleted FROM gone
