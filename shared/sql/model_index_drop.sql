-- A template: {model} is an integer from the table models.
DROP INDEX CONCURRENTLY IF EXISTS embeddings_hnsw_{model}
