-- Be the only one who decides about indexes of vectors until the transaction ends.
-- $1 bigint the lock's number
-- columns: boolean (false: somebody else is)
SELECT pg_try_advisory_xact_lock($1);
