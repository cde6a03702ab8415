-- Models and their indexes; one that is gone is left out. Nothing here reads every vector.
-- $1 integer models after this id, or NULL, $2 integer at most, $3 text the one of that name, or NULL: all
-- Columns: id smallint, name text, dimension integer, active boolean, kept boolean, removed boolean, index text (ready,
--          building, missing), index_phase text (NULL: it is not being made)
SELECT m.id, m.name, m.dimension, m.active, m.kept, m.removed,
       CASE WHEN i.indisvalid THEN 'ready' WHEN b.pid IS NOT NULL THEN 'building' ELSE 'missing' END AS index,
       CASE WHEN NOT coalesce(i.indisvalid, false) AND b.pid IS NOT NULL THEN
           coalesce(p.phase || CASE WHEN p.blocks_total > 0 THEN format(' %s %%', 100 * p.blocks_done / p.blocks_total)
                                    ELSE '' END, 'waiting for the table')
       END AS index_phase
FROM models AS m
LEFT JOIN pg_index AS i ON i.indexrelid = to_regclass('embeddings_hnsw_' || m.id)
LEFT JOIN pg_stat_activity AS b
    ON b.datname = current_database() AND b.state = 'active' AND starts_with(b.query, '-- query model_index_concurrently')
   AND strpos(b.query, 'embeddings_hnsw_' || m.id || ' ON ') > 0
LEFT JOIN pg_stat_progress_create_index AS p ON p.pid = b.pid
-- By collection, since no index leads with the model.
WHERE (NOT m.removed OR EXISTS (
        SELECT FROM collections AS c
        WHERE EXISTS (SELECT FROM embeddings AS e WHERE e.collection_id = c.id AND e.model_id = m.id)))
  AND ($1::bigint IS NULL OR m.id > $1)
  AND ($3::text IS NULL OR m.name = $3)
ORDER BY m.id
LIMIT $2
