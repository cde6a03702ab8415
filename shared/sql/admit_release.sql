-- Give a lease back; one that has expired changes nothing.
-- $1 uuid      key
-- $2 bigint    lease
-- Columns: release_lease (empty)
SELECT release_lease($1, $2)
