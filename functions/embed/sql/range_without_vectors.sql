-- The first passages, by id, of a range that have no vector of a model.
-- $1 bigint first id, $2 bigint last id, $3 smallint model, $4 integer at most
-- columns: id bigint, heading text, text text
SELECT p.id, p.heading, p.text
  FROM passages p
 WHERE p.id BETWEEN $1 AND $2
   AND NOT EXISTS (SELECT 1 FROM embeddings e WHERE e.passage_id = p.id AND e.model_id = $3)
 ORDER BY p.id
 LIMIT $4;
