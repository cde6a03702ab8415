-- Become the one relay of this database for as long as the session lives; false while another one is.
-- $1 bigint lock
-- columns: locked boolean
SELECT pg_try_advisory_lock($1) AS locked
