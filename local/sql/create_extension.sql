-- pgvector, which only a superuser may create.
-- psql variables: none. Columns: none.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS vector;
