-- Keys, newest first, revoked and expired ones included.
-- $1 timestamptz and $2 uuid: position of the last row seen, or NULL, $3 integer limit
-- Columns: id, name, tier, scopes, collections, per_hour, concurrent, expires_at, created_at, revoked_at
SELECT id, name, tier, scopes, collections, per_hour, concurrent, expires_at, created_at, revoked_at
FROM api_keys
WHERE $1::timestamptz IS NULL OR (created_at, id) < ($1, $2::uuid)
ORDER BY created_at DESC, id DESC
LIMIT $3
