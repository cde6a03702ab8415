-- Nearest passages by the model's HNSW index; a template: {model} and {dimension} are integers from the table models.
-- The settings are made by the statement itself: no round trip, nothing left behind on a pooled connection. They are
-- read when the index scan starts, and the scan needs the query vector that comes with them.
-- {count} hits are put into the text too: with a limit that it cannot see, the planner plans anew for every search.
-- $1 halfvec query, $2 text ef_search, $3 integer[] collections, NULL: all
-- $4 bigint[] passages whose similarity is wanted as well, wherever they rank
-- -> passage_ids bigint[], similarities float8[] (cosine, best first), source_ids uuid[] in the same order;
--    other_ids bigint[], other_similarities float8[], other_source_ids uuid[] likewise
WITH nearest AS MATERIALIZED (
    SELECT passage_id, source_id, 1 - distance AS similarity
    FROM (
        SELECT passage_id, source_id, collection_id,
               embedding::halfvec({dimension}) <=> (
                   SELECT CASE WHEN set_config('hnsw.ef_search', $2, true) IS NOT NULL
                                AND set_config('hnsw.iterative_scan', 'relaxed_order', true) IS NOT NULL
                          THEN $1::halfvec({dimension}) END
               ) AS distance
        FROM embeddings
        WHERE model_id = {model} AND live
        ORDER BY distance
        OFFSET 0  -- the filter stays outside: the index goes on until enough rows have passed it
    ) AS ordered
    WHERE $3::integer[] IS NULL OR collection_id = ANY ($3)
    LIMIT {count}
),
others AS (
    SELECT passage_id, source_id, 1 - (embedding::halfvec({dimension}) <=> $1::halfvec({dimension})) AS similarity
    FROM embeddings
    WHERE passage_id = ANY (ARRAY(SELECT unnest($4::bigint[]) EXCEPT SELECT passage_id FROM nearest)) AND model_id = {model} AND live
)
SELECT (SELECT array_agg(passage_id ORDER BY similarity DESC, passage_id) FROM nearest) AS passage_ids,
       (SELECT array_agg(similarity ORDER BY similarity DESC, passage_id) FROM nearest) AS similarities,
       (SELECT array_agg(source_id ORDER BY similarity DESC, passage_id) FROM nearest) AS source_ids,
       (SELECT array_agg(passage_id) FROM others) AS other_ids,
       (SELECT array_agg(similarity) FROM others) AS other_similarities,
       (SELECT array_agg(source_id) FROM others) AS other_source_ids
