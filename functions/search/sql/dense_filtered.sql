-- Nearest passages by the model's HNSW index among the many that filters leave; a template like dense_ranked.
-- $1 halfvec query, $2 text ef_search, $3 integer[] collections, $4 integer hits,
-- $5 uuid[] source ids, $6 text[] source types, $7 integer year from, $8 integer year to, $9 text[] authors, $10 jsonb metadata
-- $11 bigint[] passages whose similarity is wanted as well, wherever they rank
-- -> passage_ids bigint[], similarities float8[] (cosine, best first), source_ids uuid[] in the same order;
--    other_ids bigint[], other_similarities float8[], other_source_ids uuid[] likewise
WITH allowed AS MATERIALIZED (
    SELECT id FROM matching_sources($3, $5, $6, $7, $8, $9, $10)
),
nearest AS MATERIALIZED (
    SELECT passage_id, source_id, 1 - distance AS similarity
    FROM (
        SELECT passage_id, source_id,
               embedding::halfvec({dimension}) <=> (
                   SELECT CASE WHEN set_config('hnsw.ef_search', $2, true) IS NOT NULL
                                AND set_config('hnsw.iterative_scan', 'relaxed_order', true) IS NOT NULL
                          THEN $1::halfvec({dimension}) END
               ) AS distance
        FROM embeddings
        WHERE model_id = {model} AND live
        ORDER BY distance
        OFFSET 0
    ) AS ordered
    WHERE source_id IN (SELECT id FROM allowed)
    LIMIT $4
),
others AS (
    SELECT passage_id, source_id, 1 - (embedding::halfvec({dimension}) <=> $1::halfvec({dimension})) AS similarity
    FROM embeddings
    WHERE passage_id = ANY (ARRAY(SELECT unnest($11::bigint[]) EXCEPT SELECT passage_id FROM nearest)) AND model_id = {model} AND live
)
SELECT (SELECT array_agg(passage_id ORDER BY similarity DESC, passage_id) FROM nearest) AS passage_ids,
       (SELECT array_agg(similarity ORDER BY similarity DESC, passage_id) FROM nearest) AS similarities,
       (SELECT array_agg(source_id ORDER BY similarity DESC, passage_id) FROM nearest) AS source_ids,
       (SELECT array_agg(passage_id) FROM others) AS other_ids,
       (SELECT array_agg(similarity) FROM others) AS other_similarities,
       (SELECT array_agg(source_id) FROM others) AS other_source_ids
