-- Nearest passages of collections small beside the rest, each compared; a template like dense_ranked.
-- $1 halfvec query, $2 integer[] collections, $3 integer hits, $4 integer most vectors of a collection
-- $5 bigint[] passages whose similarity is wanted as well, wherever they rank
-- -> passage_ids bigint[], similarities float8[] (cosine, best first), source_ids uuid[] in the same order;
--    other_ids bigint[], other_similarities float8[], other_source_ids uuid[] likewise
WITH nearest AS MATERIALIZED (
    SELECT e.passage_id, e.source_id, 1 - (e.embedding::halfvec({dimension}) <=> $1::halfvec({dimension})) AS similarity
    FROM unnest($2::integer[]) AS c (id)
    CROSS JOIN LATERAL (
        -- Order and limit make the index on (collection, model, passage) the plan for any collection's size.
        SELECT passage_id, source_id, embedding FROM embeddings
        WHERE collection_id = c.id AND model_id = {model} AND live
        ORDER BY passage_id LIMIT $4
    ) AS e
    ORDER BY similarity DESC, e.passage_id
    LIMIT $3
),
others AS (
    SELECT passage_id, source_id, 1 - (embedding::halfvec({dimension}) <=> $1::halfvec({dimension})) AS similarity
    FROM embeddings
    WHERE passage_id = ANY (ARRAY(SELECT unnest($5::bigint[]) EXCEPT SELECT passage_id FROM nearest)) AND model_id = {model} AND live
)
SELECT (SELECT array_agg(passage_id ORDER BY similarity DESC, passage_id) FROM nearest) AS passage_ids,
       (SELECT array_agg(similarity ORDER BY similarity DESC, passage_id) FROM nearest) AS similarities,
       (SELECT array_agg(source_id ORDER BY similarity DESC, passage_id) FROM nearest) AS source_ids,
       (SELECT array_agg(passage_id) FROM others) AS other_ids,
       (SELECT array_agg(similarity) FROM others) AS other_similarities,
       (SELECT array_agg(source_id) FROM others) AS other_source_ids
