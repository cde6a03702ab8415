-- What the library holds; counting documents reads an index of them all, hence asked for once a minute at most.
-- Columns: name text, label text (NULL: none), value double precision
SELECT 'research_kb_documents' AS name, s.state AS label, count(d.id)::double precision AS value
FROM unnest(ARRAY['queued', 'extracting', 'embedding', 'indexed', 'failed', 'superseded']) AS s (state)
LEFT JOIN documents AS d ON d.state = s.state
GROUP BY s.state
UNION ALL
SELECT 'research_kb_sources', NULL, count(*) FROM sources
UNION ALL
SELECT 'research_kb_passages', NULL, coalesce(sum(passages), 0) FROM collections
