-- Be the only publisher of these keys until the transaction ends; in one order, so that two publishers never deadlock.
-- A key's hash may be another's too: then the two wait for one another, nothing more.
-- $1 integer namespace, $2 text[] partition keys
-- columns: none that matter
SELECT pg_advisory_xact_lock($1, hash)
FROM (SELECT DISTINCT hashtext(key) AS hash FROM unnest($2::text[]) AS given (key) ORDER BY hash) AS sorted
