-- Lock sources until the end of the transaction, in a fixed order.
-- $1 uuid[] source ids
-- columns: id uuid
SELECT id FROM sources WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE;
