-- Store the passages of a document in reading order, hidden until they are indexed.
-- $1 uuid document, $2 uuid source, $3 integer collection, $4 jsonb array of passages
INSERT INTO passages (document_id, source_id, collection_id, live, ordinal, text, heading, section, page_start,
                      page_end, char_start, char_end, tokens)
SELECT $1, $2, $3, false, p.ordinal, p.text, p.heading, ARRAY(SELECT jsonb_array_elements_text(p.section)),
       p.page_start, p.page_end, p.char_start, p.char_end, p.tokens
  FROM jsonb_to_recordset($4::jsonb) AS p (
       ordinal integer, text text, heading text, section jsonb, page_start integer, page_end integer,
       char_start integer, char_end integer, tokens integer)
 ORDER BY p.ordinal;
