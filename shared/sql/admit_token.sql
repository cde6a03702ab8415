-- Let the subject of a verified token in and take one request and one lease from its budget, in one atomic statement.
-- $1 uuid      subject's id
-- $2 text      issuer
-- $3 text      subject
-- $4 text      tier
-- $5 text[]    scopes
-- $6 text[]    collections; NULL: all
-- $7 integer   requests an hour
-- $8 integer   requests at once
-- $9 text[]    scopes of which the subject needs one; empty: any token
-- $10 integer  seconds after which the lease ends by itself
-- Columns: as admit.sql; outcome (admitted, scope, rate, concurrency)
SELECT outcome, $4 AS key_tier, $5 AS key_scopes, $6 AS key_collections, $7 AS hourly_limit, $8 AS concurrency_limit,
       remaining, reset_s, lease
FROM admit_token($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
