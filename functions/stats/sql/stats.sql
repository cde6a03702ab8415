-- Exact counts, at one moment.
-- $1 text[] collections the key may see, or NULL for all, $2 text collection, or NULL for all of those
-- Columns: sources bigint, passages bigint (searchable ones), documents jsonb (state -> number), terms bigint,
--          vectors jsonb (array of {model, dimension, active, vectors})
WITH chosen AS MATERIALIZED (
    SELECT id, passages
    FROM collections
    WHERE ($1::text[] IS NULL OR name = ANY ($1)) AND ($2::text IS NULL OR name = $2)
), states AS (
    SELECT d.state, count(*) AS documents
    FROM documents AS d
    JOIN sources AS s ON s.id = d.source_id
    WHERE s.collection_id IN (SELECT id FROM chosen)
    GROUP BY d.state
), vectors AS (
    SELECT e.model_id, count(*) AS vectors
    FROM embeddings AS e
    WHERE e.collection_id IN (SELECT id FROM chosen)
    GROUP BY e.model_id
)
SELECT
    (SELECT count(*) FROM sources WHERE collection_id IN (SELECT id FROM chosen)) AS sources,
    (SELECT coalesce(sum(passages), 0)::bigint FROM chosen) AS passages,
    (SELECT coalesce(jsonb_object_agg(state, documents), '{}') FROM states) AS documents,
    (SELECT count(DISTINCT term) FROM terms WHERE collection_id IN (SELECT id FROM chosen)) AS terms,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('model', m.name, 'dimension', m.dimension, 'active', m.active,
                                                  'vectors', coalesce(v.vectors, 0)) ORDER BY m.id), '[]')
     FROM models AS m LEFT JOIN vectors AS v ON v.model_id = m.id
     WHERE NOT m.removed OR v.vectors > 0) AS vectors
