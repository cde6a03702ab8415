-- What is shown of the passages found; those removed meanwhile are missing.
-- $1 bigint[] passages
-- -> id bigint, text text, section text[], page_start integer, page_end integer, source_id uuid, external_id text,
--    title text, authors text[], year integer, venue text, doi text, arxiv_id text, url text, source_type text,
--    collection text, metadata jsonb
SELECT p.id, p.text, p.section, p.page_start, p.page_end, s.id AS source_id, s.external_id, s.title, s.authors, s.year,
       s.venue, s.doi, s.arxiv_id, s.url, s.source_type, c.name AS collection, s.metadata
FROM passages AS p
JOIN sources AS s ON s.id = p.source_id
JOIN collections AS c ON c.id = p.collection_id
WHERE p.id = ANY ($1) AND p.live
