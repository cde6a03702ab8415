-- Documents, newest first.
-- $1 text collection or NULL, $2 text state or NULL, $3 text[] collections the key may see or NULL for all,
-- $4 timestamptz and $5 uuid: position of the last row seen, or NULL, $6 integer limit
-- columns: those of a document
SELECT d.id, d.source_id, c.name AS collection, s.external_id, d.state, d.media_type, d.filename, d.size_bytes,
       d.pages, d.passages_total, d.passages_embedded, d.problem, d.created_at, d.updated_at, d.indexed_at
  FROM documents d
  JOIN sources s ON s.id = d.source_id
  JOIN collections c ON c.id = s.collection_id
 WHERE ($1::text IS NULL OR c.name = $1)
   AND ($2::text IS NULL OR d.state = $2)
   AND ($3::text[] IS NULL OR c.name = ANY ($3))
   AND ($4::timestamptz IS NULL OR (d.created_at, d.id) < ($4, $5::uuid))
 ORDER BY d.created_at DESC, d.id DESC
 LIMIT $6;
