-- The objects that rows name. Those of superseded versions are deleted days before their rows are; so may be, for a moment,
-- those of versions that failed before a newer one came, which refresh sweeps.
-- $1 text[] the keys to look at, or NULL: all
-- Columns: object_key text, needed boolean (false: it may be gone)
SELECT d.object_key,
       NOT (d.state = 'failed' AND s.current_document IS DISTINCT FROM d.id AND EXISTS (
           SELECT FROM documents AS newer WHERE newer.source_id = d.source_id AND newer.version > d.version)) AS needed
FROM documents AS d
JOIN sources AS s ON s.id = d.source_id
WHERE d.state <> 'superseded' AND ($1::text[] IS NULL OR d.object_key = ANY ($1))
ORDER BY d.object_key
