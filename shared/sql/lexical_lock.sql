-- Hold a collection's statistics until the transaction ends: writers of one collection take turns, hence no deadlock
-- among the terms they share. Readers and inserts that refer to the collection go on.
-- $1 integer collection
-- -> id integer
SELECT id FROM collections WHERE id = $1 FOR NO KEY UPDATE
