-- Record what extraction found.
-- $1 uuid document, $2 jsonb bibliography completed from the text, $3 integer pages or NULL, $4 integer passages
UPDATE documents
   SET state = 'embedding', bibliography = $2, pages = $3, passages_total = $4, passages_embedded = 0, problem = NULL,
       updated_at = now()
 WHERE id = $1;
