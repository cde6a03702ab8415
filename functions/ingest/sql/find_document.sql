-- One document.
-- $1 uuid id, $2 text[] collections the key may see or NULL for all
-- columns: those of a document
SELECT d.id, d.source_id, c.name AS collection, s.external_id, d.state, d.media_type, d.filename, d.size_bytes,
       d.pages, d.passages_total, d.passages_embedded, d.problem, d.created_at, d.updated_at, d.indexed_at
  FROM documents d
  JOIN sources s ON s.id = d.source_id
  JOIN collections c ON c.id = s.collection_id
 WHERE d.id = $1 AND ($2::text[] IS NULL OR c.name = ANY ($2));
