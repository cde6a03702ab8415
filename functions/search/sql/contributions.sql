-- What each term of the query adds to the BM25 score of passages.
-- $1 text query, $2 integer[] collections, $3 bigint[] passages
-- -> passage_id bigint, term text, score float8 (of a passage, most first; equal ones by term)
WITH statistics AS MATERIALIZED (
    SELECT coalesce(sum(passages), 0)::float8 AS passages FROM collections WHERE id = ANY ($2)
),
known AS MATERIALIZED (
    SELECT t.id, t.term, sum(t.document_frequency) OVER (PARTITION BY t.term)::float8 AS df
    FROM unnest(to_tsvector('pg_catalog.english', $1)) AS l
    JOIN terms AS t ON t.term = l.lexeme
    WHERE t.collection_id = ANY ($2)
)
SELECT p.passage_id, k.term, p.impact * ln(1 + (s.passages - k.df + 0.5) / (k.df + 0.5)) AS score
FROM known AS k
JOIN postings AS p ON p.term_id = k.id AND p.passage_id = ANY ($3)
CROSS JOIN statistics AS s
ORDER BY p.passage_id, score DESC, k.term
