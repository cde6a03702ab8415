-- A document to extract, and whether a newer version of its source was submitted.
-- $1 uuid document id
-- columns: id uuid, source_id uuid, collection_id integer, state text, object_key text, media_type text, filename text,
--          bibliography jsonb, trace_id text, outdated boolean
SELECT d.id, d.source_id, s.collection_id, d.state, d.object_key, d.media_type, d.filename, d.bibliography, d.trace_id,
       EXISTS (SELECT 1 FROM documents newer WHERE newer.source_id = d.source_id AND newer.version > d.version) AS outdated
  FROM documents d
  JOIN sources s ON s.id = d.source_id
 WHERE d.id = $1;
