-- Some sources of a collection, whichever.
-- $1 integer collection, $2 integer limit
-- Columns: id uuid
SELECT id FROM sources WHERE collection_id = $1 LIMIT $2
