-- As shared/sql/model_index, without holding up writers; outside transactions. Its name shows in index_state that it runs.
-- A template: {model} and {dimension} are integers from the table models.
CREATE INDEX CONCURRENTLY IF NOT EXISTS embeddings_hnsw_{model} ON embeddings
USING hnsw ((embedding::halfvec({dimension})) halfvec_cosine_ops)
WHERE model_id = {model} AND live;
