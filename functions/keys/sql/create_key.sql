-- Store a new key and its empty budget.
-- $1 uuid id, $2 text name, $3 bytea SHA-256 of the secret, $4 text tier, $5 text[] scopes,
-- $6 text[] collections or NULL for all, $7 integer requests an hour, $8 integer requests at once,
-- $9 timestamptz expiry or NULL
-- Columns: created_at timestamptz
WITH key AS (
    INSERT INTO api_keys (id, name, secret_sha256, tier, scopes, collections, per_hour, concurrent, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    RETURNING id, created_at
), budget AS (
    INSERT INTO key_usage (key_id) SELECT id FROM key
)
SELECT created_at FROM key
