-- Check a key and take one request and one lease from its budget, in one atomic statement (migration 0002_admission).
-- $1 uuid      key
-- $2 bytea     SHA-256 of the secret
-- $3 text[]    scopes of which the key needs one; empty: any valid key
-- $4 integer   seconds after which the lease ends by itself
-- Columns: outcome (admitted, unknown, revoked, expired, scope, rate, concurrency), key_tier, key_scopes,
--          key_collections (NULL: all), hourly_limit, concurrency_limit, remaining, reset_s, lease (NULL unless admitted)
SELECT outcome, key_tier, key_scopes, key_collections, hourly_limit, concurrency_limit, remaining, reset_s, lease
FROM admit($1, $2, $3, $4)
