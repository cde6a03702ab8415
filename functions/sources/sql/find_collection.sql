-- One collection, and how much of it a key did not put in.
-- $1 text name, $2 uuid key
-- Columns: id integer, foreign_sources bigint
SELECT c.id, (
    SELECT count(*) FROM sources AS s WHERE s.collection_id = c.id AND s.submitted_by IS DISTINCT FROM $2
) AS foreign_sources
FROM collections AS c
WHERE c.name = $1
