-- Versions that nothing will be made of: replaced by a newer one, or failed before a newer one came. What answers searches
-- stays, even where its vectors have failed.
-- $1 interval age, $2 integer limit
-- columns: id uuid, object_key text
SELECT d.id, d.object_key
  FROM documents d
  JOIN sources s ON s.id = d.source_id
 WHERE d.state <> 'indexed' AND d.state IN ('superseded', 'failed') AND d.updated_at < now() - $1::interval
   AND s.current_document IS DISTINCT FROM d.id
   AND EXISTS (SELECT FROM documents newer WHERE newer.source_id = d.source_id AND newer.version > d.version)
 LIMIT $2;
