-- Forget published events of types that must leave no trace.
-- $1 bigint[] outbox ids
-- columns: none
DELETE FROM outbox
WHERE id = ANY ($1)
