-- Hold a source until the transaction ends, so that no document of it is being stored meanwhile.
-- $1 uuid source
-- Columns: collection_id integer, collection text, submitted_by uuid (NULL: by an event); no row for an unknown source
SELECT c.id AS collection_id, c.name AS collection, s.submitted_by
FROM sources AS s
JOIN collections AS c ON c.id = s.collection_id
WHERE s.id = $1
FOR UPDATE OF s
