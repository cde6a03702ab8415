-- Lock the sources of passages until the end of the transaction, in a fixed order.
-- $1 bigint[] passages
SELECT id FROM sources WHERE id IN (SELECT source_id FROM passages WHERE id = ANY ($1::bigint[])) ORDER BY id FOR UPDATE;
