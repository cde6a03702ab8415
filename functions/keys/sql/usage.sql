-- What a key, or the subject of tokens, has used: the hour that runs, and totals. An hour that has ended counts as none.
-- $1 uuid key or subject
-- Columns: key_id, name, tier, scopes, collections, per_hour, concurrent, expires_at, window_started_at (NULL: none runs),
--          window_requests, total_requests, refused_requests, in_flight
SELECT k.id AS key_id, k.name, k.tier, k.scopes, k.collections, k.per_hour, k.concurrent, k.expires_at,
       CASE WHEN running THEN u.window_started_at END AS window_started_at,
       CASE WHEN running THEN u.window_requests ELSE 0 END AS window_requests,
       coalesce(u.total_requests, 0) AS total_requests,
       coalesce(u.refused_requests, 0) AS refused_requests,
       (SELECT count(*) FROM unnest(u.leases) AS held
        WHERE held > extract(epoch FROM clock_timestamp()) * 1000000)::integer AS in_flight
FROM (
    SELECT id, name, tier, scopes, collections, per_hour, concurrent, expires_at FROM api_keys WHERE id = $1
    UNION ALL
    SELECT id, subject, tier, scopes, collections, per_hour, concurrent, NULL FROM token_subjects WHERE id = $1
) AS k
LEFT JOIN key_usage AS u ON u.key_id = k.id
CROSS JOIN LATERAL (SELECT coalesce(u.window_started_at > clock_timestamp() - interval '1 hour', false) AS running) AS w
