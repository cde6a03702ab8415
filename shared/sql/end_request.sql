-- Give a lease back and note what was served (migration 0006_activity); a lease that has expired changes nothing.
-- $1 uuid      key
-- $2 bigint    lease
-- $3 json      the note: function, method, status, seconds, cold, search
-- $4 boolean   whether this was tried before without an answer: then it is noted only where the lease is still held
-- Columns: end_request (empty)
SELECT end_request($1, $2, $3, $4)
