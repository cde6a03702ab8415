-- Add the sources that are not known yet; a known one keeps what it says until its new version is searchable.
-- $1 jsonb array of source rows, sorted by id (a fixed order of locks)
INSERT INTO sources (id, collection_id, identity, external_id, title, authors, year, venue, doi, arxiv_id, url,
                     source_type, metadata, submitted_by)
SELECT s.id, s.collection_id, s.identity, s.external_id, s.title,
       ARRAY(SELECT jsonb_array_elements_text(s.authors)), s.year, s.venue, s.doi, s.arxiv_id, s.url,
       s.source_type, s.metadata, s.submitted_by
  FROM jsonb_to_recordset($1::jsonb) AS s (
       id uuid, collection_id integer, identity text, external_id text, title text, authors jsonb, year integer,
       venue text, doi text, arxiv_id text, url text, source_type text, metadata jsonb, submitted_by uuid)
    ON CONFLICT DO NOTHING;
