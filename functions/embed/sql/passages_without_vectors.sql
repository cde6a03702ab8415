-- Passages of a document, in a range, that have no vector of a model yet.
-- $1 uuid document, $2 integer first ordinal, $3 integer last ordinal, $4 smallint model
-- columns: id bigint, heading text, text text
SELECT p.id, p.heading, p.text
  FROM passages p
 WHERE p.document_id = $1 AND p.ordinal BETWEEN $2 AND $3
   AND NOT EXISTS (SELECT 1 FROM embeddings e WHERE e.passage_id = p.id AND e.model_id = $4)
 ORDER BY p.ordinal;
