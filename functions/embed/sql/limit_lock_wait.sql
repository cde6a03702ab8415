-- Give up waiting for a lock sooner, until the end of the transaction.
-- $1 text milliseconds
SELECT set_config('lock_timeout', $1, true);
