-- As model_index, without holding up writers; outside transactions. A template: {model} and {dimension} are integers from the table models.
-- m 16, ef_construction 64: pgvector's defaults; recall@100 at ef_search 100 is in docs/benchmarks.md.
CREATE INDEX CONCURRENTLY IF NOT EXISTS embeddings_hnsw_{model} ON embeddings
USING hnsw ((embedding::halfvec({dimension})) halfvec_cosine_ops)
WHERE model_id = {model} AND live
