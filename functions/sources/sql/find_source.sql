-- One source.
-- $1 uuid source, $2 text[] collections the key may see, or NULL for all
-- Columns: those of a source
SELECT s.id, c.name AS collection, s.external_id, s.title, s.authors, s.year, s.venue, s.doi, s.arxiv_id, s.url,
       s.source_type, s.metadata, s.passages, d.pages, d.id AS document_id, s.created_at, s.updated_at
FROM sources AS s
JOIN collections AS c ON c.id = s.collection_id
LEFT JOIN documents AS d ON d.id = s.current_document
WHERE s.id = $1
  AND ($2::text[] IS NULL OR c.name = ANY ($2))
