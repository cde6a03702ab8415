-- Sources, newest first. Run after plan_anew: which index is best depends on the filters given.
-- $1 text[] collections the key may see, or NULL for all; the filters, each NULL where not given:
-- $2 text collection, $3 text[] source types, $4 integer first year, $5 integer last year, $6 text part of an author,
-- $7 text part of the title, $8 text DOI in lower case, $9 text external id;
-- $10 timestamptz and $11 uuid: position of the last row seen, or NULL, $12 integer limit
-- Columns: those of a source
SELECT s.id, c.name AS collection, s.external_id, s.title, s.authors, s.year, s.venue, s.doi, s.arxiv_id, s.url,
       s.source_type, s.metadata, s.passages, d.pages, d.id AS document_id, s.created_at, s.updated_at
FROM sources AS s
JOIN collections AS c ON c.id = s.collection_id
LEFT JOIN documents AS d ON d.id = s.current_document
WHERE ($1::text[] IS NULL OR c.name = ANY ($1))
  AND ($2::text IS NULL OR c.name = $2)
  AND ($3::text[] IS NULL OR s.source_type = ANY ($3))
  AND ($4::integer IS NULL OR s.year >= $4)
  AND ($5::integer IS NULL OR s.year <= $5)
  AND ($6::text IS NULL OR EXISTS (
      SELECT FROM unnest(s.authors) AS author WHERE strpos(lower(author), lower($6)) > 0))
  AND ($7::text IS NULL OR strpos(lower(s.title), lower($7)) > 0)
  AND ($8::text IS NULL OR lower(s.doi) = $8)
  AND ($9::text IS NULL OR s.external_id = $9)
  AND ($10::timestamptz IS NULL OR (s.created_at, s.id) < ($10, $11::uuid))
ORDER BY s.created_at DESC, s.id DESC
LIMIT $12
