-- Store vectors of passages that still exist.
-- $1 smallint model, $2 bigint[] passages, $3 halfvec[] vectors, in the same order
INSERT INTO embeddings (passage_id, model_id, collection_id, source_id, live, embedding)
SELECT p.id, $1, p.collection_id, p.source_id, p.live, v.embedding
  FROM unnest($2::bigint[], $3::halfvec[]) AS v (passage_id, embedding)
  JOIN passages p ON p.id = v.passage_id
    ON CONFLICT (passage_id, model_id) DO NOTHING;
