-- Revoke a key; one that is revoked already keeps its moment.
-- $1 uuid id
-- Columns: revoked_at timestamptz; no row for an unknown key
UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING revoked_at
