-- A template: {model} is an integer from the table models.
DROP INDEX IF EXISTS embeddings_hnsw_{model};
