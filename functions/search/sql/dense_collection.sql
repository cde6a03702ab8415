-- Nearest passages of collections small beside the rest, each compared; a template like dense_ranked.
-- $1 halfvec query, $2 integer[] collections, $3 integer hits, $4 integer most vectors of a collection
-- -> passage_ids bigint[], similarities float8[] (cosine, best first)
WITH nearest AS (
    SELECT e.passage_id, 1 - (e.embedding::halfvec({dimension}) <=> $1::halfvec({dimension})) AS similarity
    FROM unnest($2::integer[]) AS c (id)
    CROSS JOIN LATERAL (
        -- Order and limit make the index on (collection, model, passage) the plan for any collection's size.
        SELECT passage_id, embedding FROM embeddings
        WHERE collection_id = c.id AND model_id = {model} AND live
        ORDER BY passage_id LIMIT $4
    ) AS e
    ORDER BY similarity DESC, e.passage_id
    LIMIT $3
)
SELECT array_agg(passage_id ORDER BY similarity DESC, passage_id) AS passage_ids,
       array_agg(similarity ORDER BY similarity DESC, passage_id) AS similarities
FROM nearest
