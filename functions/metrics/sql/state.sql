-- What waits and who is connected, now.
-- Columns: name text, label text (NULL: none), value double precision
SELECT 'research_kb_dead_letters' AS name, NULL AS label, count(*)::double precision AS value
FROM dead_letters WHERE replayed_at IS NULL
UNION ALL
SELECT 'research_kb_outbox_events', NULL, count(*) FROM outbox WHERE published_at IS NULL
UNION ALL
SELECT 'research_kb_outbox_oldest_seconds', NULL,
       coalesce(greatest(extract(epoch FROM now() - min(created_at)), 0), 0)
FROM outbox WHERE published_at IS NULL
UNION ALL
-- One step in the index documents_state for each state; a single query for the three would not be seen to fit it.
SELECT 'research_kb_documents_oldest_waiting_seconds', NULL,
       coalesce(greatest(extract(epoch FROM now() - least(
           (SELECT min(created_at) FROM documents WHERE state = 'queued'),
           (SELECT min(created_at) FROM documents WHERE state = 'extracting'),
           (SELECT min(created_at) FROM documents WHERE state = 'embedding'))), 0), 0)
UNION ALL
SELECT 'research_kb_keys', t.tier, count(k.id)
FROM unnest(ARRAY['free', 'standard', 'premium']) AS t (tier)
LEFT JOIN api_keys AS k ON k.tier = t.tier AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
GROUP BY t.tier
UNION ALL
SELECT 'research_kb_database_connections', s.state, count(a.pid)
FROM unnest(ARRAY['active', 'idle', 'idle_in_transaction', 'other']) AS s (state)
LEFT JOIN pg_stat_activity AS a
    ON a.datname = current_database()
    AND s.state = CASE
        WHEN a.state IN ('active', 'idle') THEN a.state
        WHEN a.state LIKE 'idle in transaction%' THEN 'idle_in_transaction'
        ELSE 'other'
    END
GROUP BY s.state
UNION ALL
SELECT 'research_kb_database_connections_limit', NULL, current_setting('max_connections')::double precision
