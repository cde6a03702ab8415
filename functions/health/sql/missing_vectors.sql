-- Passages with a vector of the active model, all where none is active, that have none of another one.
-- $1 smallint the other model, $2 smallint the active model, or NULL
-- Columns: missing bigint
SELECT count(*) AS missing
FROM (
    SELECT passage_id FROM embeddings WHERE model_id = $2
    UNION ALL
    SELECT id FROM passages WHERE $2::smallint IS NULL
) AS p
WHERE NOT EXISTS (SELECT FROM embeddings AS e WHERE e.passage_id = p.passage_id AND e.model_id = $1)
