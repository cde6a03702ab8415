-- BM25 over the many passages that filters leave: postings in order of impact, those of other sources passed over.
-- $1 text query, $2 integer[] collections, $3 integer postings a term on average, $4 integer candidates, $5 integer hits,
-- $6 uuid[] source ids, $7 text[] source types, $8 integer year from, $9 integer year to, $10 text[] authors, $11 jsonb metadata
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
    SELECT t.id, t.collection_id, t.document_frequency::float8 AS df,
           sum(t.document_frequency) OVER (PARTITION BY t.term)::float8 AS total_df
    FROM lexemes AS l
    CROSS JOIN LATERAL (
        -- OFFSET 0: a look-up for each word, however small the table was when this was planned.
        SELECT id, collection_id, term, document_frequency FROM terms
        WHERE term = l.lexeme AND collection_id = ANY ((SELECT $2::integer[])::integer[])
        OFFSET 0
    ) AS t
),
weighted AS MATERIALIZED (
    -- Rare terms are read deeper than common ones, by the square of their idf: they decide who is a candidate. Each
    -- collection gives its share of a term's postings, yet ten at least.
    SELECT id, collection_id, df, idf, greatest(10, ceil($3 * df / total_df * idf ^ 2 / avg(idf ^ 2) OVER ())) AS depth
    FROM (
        SELECT id, collection_id, df, total_df, ln(1 + (passages - total_df + 0.5) / (total_df + 0.5)) AS idf
        FROM known CROSS JOIN statistics
    ) AS t
),
allowed AS MATERIALIZED (
    SELECT id FROM matching_sources($2, $6, $7, $8, $9, $10, $11)
),
best AS MATERIALIZED (
    SELECT p.passage_id, min(w.collection_id) AS collection_id,
           sum(w.idf * p.impact) FILTER (WHERE w.df <= w.depth) AS complete,
           sum(w.idf * p.impact) AS score
    FROM weighted AS w
    CROSS JOIN LATERAL (
        -- OFFSET 0 and IS TRUE keep the order of the index: as a join the planner would read every posting and sort.
        SELECT o.passage_id, o.impact
        FROM (SELECT passage_id, impact FROM postings WHERE term_id = w.id ORDER BY impact DESC OFFSET 0) AS o
        WHERE ((SELECT a.source_id FROM passages AS a WHERE a.id = o.passage_id) IN (SELECT id FROM allowed)) IS TRUE
        LIMIT w.depth::bigint
    ) AS p
    GROUP BY p.passage_id
    ORDER BY score DESC, p.passage_id
    LIMIT $4
),
partial AS MATERIALIZED (
    SELECT collection_id, array_agg(id) AS ids, array_agg(idf) AS idfs FROM weighted WHERE df > depth GROUP BY collection_id
),
hits AS (
    -- Of terms read in part a candidate may have postings that were not read: these are looked up.
    SELECT b.passage_id,
           coalesce(b.complete, 0) + coalesce((
               SELECT sum(p.impact * (
                   SELECT l.idfs[array_position(l.ids, p.term_id)] FROM partial AS l WHERE l.collection_id = b.collection_id
               ))
               FROM postings AS p
               WHERE p.passage_id = b.passage_id
                 -- A subquery, not a join: it makes both columns the index's condition, one descent a passage.
                 AND p.term_id = ANY ((SELECT l.ids FROM partial AS l WHERE l.collection_id = b.collection_id)::bigint[])
           ), 0) AS score
    FROM best AS b
    ORDER BY score DESC, b.passage_id
    LIMIT $5
)
SELECT (SELECT count(*)::integer FROM lexemes) AS terms, (SELECT version FROM statistics) AS version,
       array_agg(passage_id ORDER BY score DESC, passage_id) AS passage_ids,
       array_agg(score ORDER BY score DESC, passage_id) AS scores
FROM hits
