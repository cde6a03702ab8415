-- The hours of a key that have ended, newest first. The last one is archived by the request after it: until then it
-- is still in key_usage.
-- $1 uuid key, $2 integer limit
-- Columns: window_started_at timestamptz, requests integer
SELECT window_started_at, requests FROM usage_windows WHERE key_id = $1
UNION
SELECT window_started_at, window_requests FROM key_usage
WHERE key_id = $1 AND window_started_at <= clock_timestamp() - interval '1 hour'
ORDER BY window_started_at DESC
LIMIT $2
