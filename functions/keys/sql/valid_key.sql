-- Tell whether a key exists, neither revoked nor expired.
-- $1 uuid key, $2 bytea SHA-256 of the secret
-- Columns: valid boolean
SELECT EXISTS (
    SELECT FROM api_keys
    WHERE id = $1 AND secret_sha256 = $2 AND revoked_at IS NULL AND coalesce(expires_at > now(), true)
) AS valid
