-- Make a document the searchable version of its source, which takes over its bibliography.
-- $1 uuid document
UPDATE sources s
   SET current_document = d.id,
       passages = d.passages_total,
       title = coalesce(b.title, s.title),
       authors = ARRAY(SELECT jsonb_array_elements_text(b.authors)),
       year = b.year, venue = b.venue, doi = b.doi, arxiv_id = b.arxiv_id, url = b.url,
       source_type = b.source_type, metadata = b.metadata,
       updated_at = now()
  FROM documents d
 CROSS JOIN LATERAL jsonb_to_record(d.bibliography) AS b (
       title text, authors jsonb, year integer, venue text, doi text, arxiv_id text, url text, source_type text,
       metadata jsonb)
 WHERE d.id = $1 AND s.id = d.source_id;
