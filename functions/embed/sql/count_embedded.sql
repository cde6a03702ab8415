-- Bring a document's count of passages with vectors up to date.
-- $1 uuid document, $2 smallint model
-- columns: passages_embedded integer
UPDATE documents
   SET updated_at = now(),
       passages_embedded = (SELECT count(*) FROM passages p JOIN embeddings e ON e.passage_id = p.id
                             WHERE p.document_id = $1 AND e.model_id = $2)
 WHERE id = $1
RETURNING passages_embedded;
