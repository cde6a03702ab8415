-- BM25 over the few passages that filters leave, each scored in full.
-- $1 text query, $2 integer[] collections, $3 integer hits,
-- $4 uuid[] source ids, $5 text[] source types, $6 integer year from, $7 integer year to, $8 text[] authors, $9 jsonb metadata
-- -> terms integer, version bigint, passage_ids bigint[], scores float8[] (best first)
WITH lexemes AS MATERIALIZED (
    SELECT lexeme FROM unnest(to_tsvector('pg_catalog.english', $1))
),
statistics AS MATERIALIZED (
    -- `(SELECT $2)` hides the array's length from the planner: one generic plan serves, none is made for each search.
    SELECT coalesce(sum(passages), 0)::float8 AS passages, coalesce(sum(version), 0)::bigint AS version
    FROM collections WHERE id = ANY ((SELECT $2::integer[])::integer[])
),
known AS MATERIALIZED (
    SELECT t.id, sum(t.document_frequency) OVER (PARTITION BY t.term)::float8 AS df
    FROM lexemes AS l
    CROSS JOIN LATERAL (
        -- OFFSET 0: a look-up for each word, however small the table was when this was planned.
        SELECT id, collection_id, term, document_frequency FROM terms
        WHERE term = l.lexeme AND collection_id = ANY ((SELECT $2::integer[])::integer[])
        OFFSET 0
    ) AS t
),
weighted AS MATERIALIZED (
    SELECT id, ln(1 + (passages - df + 0.5) / (df + 0.5)) AS idf FROM known CROSS JOIN statistics
),
allowed AS MATERIALIZED (
    SELECT p.id
    FROM matching_sources($2, $4, $5, $6, $7, $8, $9) AS s
    CROSS JOIN LATERAL (SELECT id FROM passages WHERE source_id = s.id AND lexical_length IS NOT NULL OFFSET 0) AS p
),
hits AS (
    SELECT a.id AS passage_id, sum(w.idf * p.impact) AS score
    FROM allowed AS a
    CROSS JOIN LATERAL (
        SELECT term_id, impact FROM postings
        WHERE passage_id = a.id AND term_id = ANY ((SELECT array_agg(id) FROM weighted)::bigint[])
        OFFSET 0
    ) AS p
    JOIN weighted AS w ON w.id = p.term_id
    GROUP BY a.id
    ORDER BY score DESC, a.id
    LIMIT $3
)
SELECT (SELECT count(*)::integer FROM lexemes) AS terms, (SELECT version FROM statistics) AS version,
       array_agg(passage_id ORDER BY score DESC, passage_id) AS passage_ids,
       array_agg(score ORDER BY score DESC, passage_id) AS scores
FROM hits
